#include "bucketstore/bucket_store.h"

#include <cstdlib>
#include <filesystem>

#include "block/test_block.h"
#include "chunkenc/aggr_chunk.h"
#include "chunkenc/column_decoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"
#include "storeapi/shard.h"
#include "telemetry/log.h"

namespace thanos::bucketstore {
namespace {

using block::Ramp;
using block::TestSeries;
using labels::Labels;
using labels::Matcher;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const model::Ulid kFirst = model::Ulid::FromParts(1'000'000, 0, 1);
const model::Ulid kSecond = model::Ulid::FromParts(1'000'000, 0, 2);

// An answer as text: one line per series, "{labels} t=v t=v ...".
struct Answer {
  base::Status status;
  std::vector<std::string> series;
  std::vector<std::string> warnings;
};

class BucketStoreTest : public ::testing::Test {
 protected:
  // Damaged blocks are logged, which is not what these tests look at.
  static void SetUpTestSuite() {
    telemetry::LogOptions options;
    options.level = telemetry::LogLevel::kError;
    telemetry::ConfigureLogging(options);
  }
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/bucketstore-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    std::filesystem::create_directory(directory_ + "/blocks");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void AddBlock(const block::TestBlock& test_block) {
    const auto meta = block::WriteTestBlock(directory_ + "/blocks", test_block);
    ASSERT_TRUE(meta.ok()) << meta.status();
    const base::Status status = block::UploadTestBlock(bucket_, directory_ + "/blocks", test_block.ulid);
    ASSERT_TRUE(status.ok()) << status;
  }
  // Two clusters with three series each.
  void AddTwoBlocks() {
    const std::vector<TestSeries> series = {
        {Labels({{"__name__", "down"}, {"job", "x"}}), Ramp(0, 10'000, 1000), 4},
        {Labels({{"__name__", "up"}, {"job", "x"}}), Ramp(0, 10'000, 1000), 4},
        {Labels({{"__name__", "up"}, {"job", "y"}}), Ramp(0, 10'000, 1000), 120}};
    AddBlock(
        {.ulid = kFirst, .external_labels = Labels({{"cluster", "a"}, {"replica", "0"}}), .series = series});
    AddBlock(
        {.ulid = kSecond, .external_labels = Labels({{"cluster", "b"}, {"replica", "0"}}), .series = series});
  }
  void Open(Options options = {}) {
    options.data_directory = directory_ + "/data";
    fetcher_ = std::make_unique<block::MetaFetcher>(
        block::FetchOptions{.cache_directory = directory_ + "/data/meta-syncer"}, fault_bucket_, pool_,
        telemetry::NullRegistry(), std::vector<std::unique_ptr<block::BlockFilter>>());
    auto store = BucketStore::Create(options, fault_bucket_, *fetcher_, pool_, telemetry::NullRegistry());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void OpenAndSync(Options options = {}) {
    Open(std::move(options));
    const base::Status status = store_->Sync({});
    ASSERT_TRUE(status.ok()) << status;
  }

  Answer Query(const storeapi::SeriesRequest& request) {
    Answer answer;
    auto set = store_->Series({}, request);
    answer.status = set.status();
    series::SeriesBatch batch;
    while (answer.status.ok()) {
      const auto more = (*set)->Next({}, &batch);
      answer.status = more.status();
      if (!more.ok() || !*more) {
        break;
      }
      for (const series::Series& series : batch.series) {
        answer.series.push_back(ToText(series));
      }
      answer.warnings.insert(answer.warnings.end(), batch.warnings.begin(), batch.warnings.end());
    }
    return answer;
  }
  static std::string ToText(const series::Series& series) {
    std::string text = labels::ToString(series.labels);
    for (const series::Chunk& chunk : series.chunks) {
      chunkenc::SampleColumns columns;
      if (chunk.raw.present()) {
        EXPECT_TRUE(chunkenc::DecodeChunk(chunk.raw.encoding, chunk.raw.data, model::kMinTimeMs,
                                          model::kMaxTimeMs, &columns)
                        .ok());
      }
      for (size_t i = 0; i < columns.size(); ++i) {
        base::Append(text, " ", columns.timestamps[i], "=", columns.values[i]);
      }
    }
    return text;
  }
  static storeapi::SeriesRequest Request(std::vector<Matcher> matchers, int64_t min_time_ms = 0,
                                         int64_t max_time_ms = 100'000) {
    storeapi::SeriesRequest request;
    request.min_time_ms = min_time_ms;
    request.max_time_ms = max_time_ms;
    request.matchers = std::move(matchers);
    return request;
  }

  std::string directory_;
  objstore::MemoryBucket bucket_;
  std::function<objstore::Fault(const objstore::BucketCall&)> plan_ = [](const objstore::BucketCall&) {
    return objstore::Fault{};
  };
  objstore::FaultBucket fault_bucket_{bucket_,
                                      [this](const objstore::BucketCall& call) { return plan_(call); }};
  concurrency::ThreadPool pool_{"test", 4};
  std::unique_ptr<block::MetaFetcher> fetcher_;
  std::unique_ptr<BucketStore> store_;
};

TEST_F(BucketStoreTest, ServesTwoBlocksWithTheirExternalLabels) {
  AddTwoBlocks();
  OpenAndSync();
  const Answer answer = Query(Request({Matcher::Equal("__name__", "up")}, 0, 2000));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.warnings, IsEmpty());
  const std::string all = " 0=0 1000=1 2000=2 3000=3 4000=4 5000=5 6000=6 7000=7 8000=8 9000=9";
  EXPECT_THAT(
      answer.series,
      ElementsAre("{__name__=\"up\", cluster=\"a\", job=\"x\", replica=\"0\"} 0=0 1000=1 2000=2 3000=3",
                  "{__name__=\"up\", cluster=\"a\", job=\"y\", replica=\"0\"}" + all,
                  "{__name__=\"up\", cluster=\"b\", job=\"x\", replica=\"0\"} 0=0 1000=1 2000=2 3000=3",
                  "{__name__=\"up\", cluster=\"b\", job=\"y\", replica=\"0\"}" + all));
}

TEST_F(BucketStoreTest, MatchersOnExternalLabelsChooseBlocks) {
  AddTwoBlocks();
  OpenAndSync();
  Answer answer = Query(Request({Matcher::Equal("cluster", "b"), Matcher::Equal("__name__", "down")}, 0, 0));
  EXPECT_THAT(
      answer.series,
      ElementsAre("{__name__=\"down\", cluster=\"b\", job=\"x\", replica=\"0\"} 0=0 1000=1 2000=2 3000=3"));
  answer = Query(Request({Matcher::Equal("cluster", "c"), Matcher::Equal("__name__", "down")}));
  EXPECT_TRUE(answer.status.ok());
  EXPECT_THAT(answer.series, IsEmpty());
  answer = Query(Request({Matcher::Equal("cluster", "b")}));
  EXPECT_TRUE(answer.status.ok()) << "no matcher left is an empty answer";
  EXPECT_THAT(answer.series, IsEmpty());
}

TEST_F(BucketStoreTest, SkipsChunksAndLimitsSeries) {
  AddTwoBlocks();
  OpenAndSync();
  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "up")});
  request.skip_chunks = true;
  request.limit = 3;
  const Answer answer = Query(request);
  EXPECT_THAT(answer.series, ElementsAre("{__name__=\"up\", cluster=\"a\", job=\"x\", replica=\"0\"}",
                                         "{__name__=\"up\", cluster=\"a\", job=\"y\", replica=\"0\"}",
                                         "{__name__=\"up\", cluster=\"b\", job=\"x\", replica=\"0\"}"));
}

TEST_F(BucketStoreTest, DropsExternalReplicaLabelsAndMergesReplicas) {
  const std::vector<TestSeries> series = {{Labels({{"__name__", "up"}}), Ramp(0, 3000, 1000), 120}};
  AddBlock({.ulid = kFirst, .external_labels = Labels({{"replica", "0"}}), .series = series});
  AddBlock({.ulid = kSecond, .external_labels = Labels({{"replica", "1"}}), .series = series});
  OpenAndSync();
  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "up")});
  request.without_replica_labels = {"replica"};
  EXPECT_THAT(Query(request).series, ElementsAre("{__name__=\"up\"} 0=0 1000=1 2000=2"))
      << "identical chunks are sent once";
}

TEST_F(BucketStoreTest, DroppingStoredLabelsSortsAgain) {
  AddBlock({.ulid = kFirst,
            .external_labels = Labels({{"cluster", "a"}}),
            .series = {{Labels({{"__name__", "up"}, {"a", "1"}, {"b", "2"}}), Ramp(0, 1000, 1000), 120},
                       {Labels({{"__name__", "up"}, {"a", "2"}, {"b", "1"}}), Ramp(0, 1000, 1000), 120}}});
  OpenAndSync();
  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "up")});
  request.without_replica_labels = {"a"};
  EXPECT_THAT(Query(request).series, ElementsAre("{__name__=\"up\", b=\"1\", cluster=\"a\"} 0=0",
                                                 "{__name__=\"up\", b=\"2\", cluster=\"a\"} 0=0"));
}

TEST_F(BucketStoreTest, ExternalLabelsReplaceStoredOnes) {
  AddBlock(
      {.ulid = kFirst,
       .external_labels = Labels({{"job", "x"}}),
       .series = {{Labels({{"__name__", "up"}, {"job", "1"}, {"zone", "2"}}), Ramp(0, 1000, 1000), 120},
                  {Labels({{"__name__", "up"}, {"job", "2"}, {"zone", "1"}}), Ramp(0, 1000, 1000), 120}}});
  OpenAndSync();
  EXPECT_THAT(Query(Request({Matcher::Equal("__name__", "up")})).series,
              ElementsAre("{__name__=\"up\", job=\"x\", zone=\"1\"} 0=0",
                          "{__name__=\"up\", job=\"x\", zone=\"2\"} 0=0"));
}

TEST_F(BucketStoreTest, StreamsManySeriesInSmallBatchesInOrder) {
  block::TestBlock many{.ulid = kFirst, .external_labels = Labels({{"m", "x"}}), .series = {}};
  for (int i = 100; i < 400; ++i) {
    const std::string number = std::to_string(i);
    many.series.push_back({Labels({{"__name__", "up"}, {"a", number}}), Ramp(0, 3000, 1000), 2});
    many.series.push_back({Labels({{"__name__", "up"}, {"a", number}, {"b", "1"}}), Ramp(0, 3000, 1000), 2});
  }
  AddBlock(many);
  for (const size_t batch : {1U, 2U, 7U, 256U}) {
    Options options;
    options.max_batch_series = batch;
    options.max_batch_chunks = 3;
    options.chunk_guess_bytes = 4;  // every chunk is read twice
    options.series_guess_bytes = 8;
    OpenAndSync(options);
    const Answer answer = Query(Request({Matcher::Equal("__name__", "up")}));
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    EXPECT_THAT(answer.warnings, IsEmpty());
    ASSERT_THAT(answer.series, SizeIs(600));
    EXPECT_EQ(answer.series[0], "{__name__=\"up\", a=\"100\", b=\"1\", m=\"x\"} 0=0 1000=1 2000=2");
    EXPECT_EQ(answer.series[1], "{__name__=\"up\", a=\"100\", m=\"x\"} 0=0 1000=1 2000=2");
    EXPECT_TRUE(std::is_sorted(answer.series.begin(), answer.series.end()));
  }
}

TEST_F(BucketStoreTest, ShardsCoverAllSeriesOnce) {
  AddTwoBlocks();
  OpenAndSync();
  const Matcher matcher = Matcher::Equal("job", "x");
  const std::vector<std::string> all = Query(Request({matcher})).series;
  std::vector<std::string> joined;
  for (int64_t shard = 0; shard < 3; ++shard) {
    storeapi::SeriesRequest request = Request({matcher});
    request.shard.shard_index = shard;
    request.shard.total_shards = 3;
    const Answer answer = Query(request);
    joined.insert(joined.end(), answer.series.begin(), answer.series.end());
  }
  std::sort(joined.begin(), joined.end());
  EXPECT_EQ(joined, all);
}

TEST_F(BucketStoreTest, LimitsNameThemselves) {
  AddTwoBlocks();
  const auto error_with = [&](Limits limits) {
    Options options;
    options.limits = limits;
    OpenAndSync(options);
    const Answer answer = Query(Request({Matcher::Equal("__name__", "up")}));
    EXPECT_EQ(answer.status.code(), base::StatusCode::kResourceExhausted) << answer.status;
    return std::string(base::Message(answer.status));
  };
  EXPECT_THAT(error_with({.max_series = 3}), HasSubstr("exceeded series limit"));
  EXPECT_THAT(error_with({.max_samples = 120}), HasSubstr("exceeded chunks limit"));
  EXPECT_THAT(error_with({.max_bytes = 10}), HasSubstr("exceeded bytes limit"));
}

TEST_F(BucketStoreTest, LabelNamesAndValues) {
  AddTwoBlocks();
  OpenAndSync();
  storeapi::LabelNamesRequest names;
  EXPECT_THAT(store_->LabelNames({}, names)->values, ElementsAre("__name__", "cluster", "job", "replica"));
  names.matchers = {Matcher::Equal("__name__", "down")};
  names.without_replica_labels = {"replica"};
  EXPECT_THAT(store_->LabelNames({}, names)->values, ElementsAre("__name__", "cluster", "job"));
  names.matchers = {Matcher::Equal("__name__", "absent")};
  EXPECT_THAT(store_->LabelNames({}, names)->values, IsEmpty());

  storeapi::LabelValuesRequest values;
  values.label = "job";
  EXPECT_THAT(store_->LabelValues({}, values)->values, ElementsAre("x", "y"));
  values.matchers = {Matcher::Equal("__name__", "down"), Matcher::Equal("cluster", "a")};
  EXPECT_THAT(store_->LabelValues({}, values)->values, ElementsAre("x"));
  values.label = "cluster";
  EXPECT_THAT(store_->LabelValues({}, values)->values, ElementsAre("a"));
  values.matchers.clear();
  EXPECT_THAT(store_->LabelValues({}, values)->values, ElementsAre("a", "b"));
  values.limit = 1;
  EXPECT_THAT(store_->LabelValues({}, values)->values, ElementsAre("a"));
  values.label = "";
  EXPECT_EQ(store_->LabelValues({}, values).status().code(), base::StatusCode::kInvalidArgument);
}

TEST_F(BucketStoreTest, AnnouncesItself) {
  AddTwoBlocks();
  Open();
  EXPECT_EQ(store_->Info().status().code(), base::StatusCode::kUnavailable);
  ASSERT_TRUE(store_->Sync({}).ok());
  const auto info = store_->Info();
  ASSERT_TRUE(info.ok());
  EXPECT_THAT(info->label_sets, ElementsAre(Labels({{"cluster", "a"}, {"replica", "0"}}),
                                            Labels({{"cluster", "b"}, {"replica", "0"}}),
                                            Labels({{"@thanos_compatibility_store_type", "store"}})));
  EXPECT_EQ(info->min_time_ms, 0);
  EXPECT_EQ(info->max_time_ms, 9001);
  EXPECT_TRUE(info->supports_sharding);
  EXPECT_TRUE(info->supports_without_replica_labels);
}

TEST_F(BucketStoreTest, DownsampledBlocksGiveTheAggregatesAskedFor) {
  chunkenc::XorAppender count;
  chunkenc::XorAppender sum;
  count.Append(299'999, 10);
  sum.Append(299'999, 45);
  const std::string count_bytes = count.Bytes();
  const std::string sum_bytes = sum.Bytes();
  chunkenc::AggregateParts parts;
  parts[0] = {chunkenc::Encoding::kXor, count_bytes};
  parts[1] = {chunkenc::Encoding::kXor, sum_bytes};
  std::string data;
  chunkenc::JoinAggregateChunk(parts, &data);
  const auto writer = block::BlockWriter::Create(directory_ + "/blocks", kFirst);
  for (const char* symbol : {"", "__name__", "up"}) {
    ASSERT_TRUE((*writer)->AddSymbol(symbol).ok());
  }
  const block::ChunkToWrite chunk{299'999, 299'999, chunkenc::Encoding::kAggregate, data};
  ASSERT_TRUE((*writer)->AddSeries(Labels({{"__name__", "up"}}), std::span(&chunk, 1)).ok());
  block::Meta meta;
  meta.max_time_ms = 300'000;
  meta.thanos.emplace().labels = Labels({{"cluster", "a"}});
  meta.thanos->resolution_ms = 300'000;
  ASSERT_TRUE((*writer)->Finish(meta).ok());
  ASSERT_TRUE(block::UploadTestBlock(bucket_, directory_ + "/blocks", kFirst).ok());
  OpenAndSync();

  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "up")}, 0, 299'999);
  request.aggregates = {series::Aggregate::kSum, series::Aggregate::kMax};
  EXPECT_THAT(Query(request).series, IsEmpty()) << "raw only";
  request.max_resolution_ms = 300'000;
  const auto set = store_->Series({}, request);
  series::SeriesBatch batch;
  ASSERT_TRUE(*(*set)->Next({}, &batch));
  ASSERT_THAT(batch.series, SizeIs(1));
  ASSERT_THAT(batch.series[0].chunks, SizeIs(1));
  const series::Chunk& got = batch.series[0].chunks[0];
  EXPECT_FALSE(got.raw.present());
  ASSERT_NE(got.aggregates, nullptr);
  EXPECT_EQ((*got.aggregates)[static_cast<size_t>(series::Aggregate::kSum)].data, sum_bytes);
  EXPECT_FALSE((*got.aggregates)[static_cast<size_t>(series::Aggregate::kCount)].present());
  EXPECT_FALSE((*got.aggregates)[static_cast<size_t>(series::Aggregate::kMax)].present());
}

TEST_F(BucketStoreTest, SyncFollowsTheBucket) {
  AddTwoBlocks();
  std::filesystem::create_directories(directory_ + "/data/" + model::Ulid::FromParts(5, 0, 5).ToString());
  OpenAndSync();
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/data/" + model::Ulid::FromParts(5, 0, 5).ToString()));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/data/" + kFirst.ToString() + "/index-header"));
  auto running = store_->Series({}, Request({Matcher::Equal("__name__", "up")}));
  ASSERT_TRUE(running.ok());
  ASSERT_TRUE(bucket_.Delete({}, block::MetaPath(kFirst)).ok());
  ASSERT_TRUE(store_->Sync({}).ok());
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/data/" + kFirst.ToString()));
  EXPECT_THAT(store_->Info()->tsdb_infos, SizeIs(1));
  series::SeriesBatch batch;
  EXPECT_TRUE((*running)->Next({}, &batch).ok()) << "a running request keeps its blocks";
}

TEST_F(BucketStoreTest, IncompleteViewsDropNothing) {
  AddTwoBlocks();
  OpenAndSync();
  plan_ = [](const objstore::BucketCall& call) {
    return call.operation == objstore::BucketCall::Operation::kExists
               ? objstore::Fault{.error = base::Unavailable("down")}
               : objstore::Fault{};
  };
  EXPECT_FALSE(store_->Sync({}).ok());
  EXPECT_THAT(store_->Info()->tsdb_infos, SizeIs(2));
}

TEST_F(BucketStoreTest, AnUnreadableMetaIsNamedAndHidesNothing) {
  AddTwoBlocks();
  plan_ = [&](const objstore::BucketCall& call) {
    objstore::Fault fault;
    if (call.name == block::MetaPath(kFirst)) {
      fault.error = base::PermissionDenied("access denied");
    }
    return fault;
  };
  Open();
  EXPECT_FALSE(store_->Sync({}).ok());
  EXPECT_FALSE(store_->ready()) << "perhaps the trouble passes";
  EXPECT_FALSE(store_->Sync({}).ok());
  ASSERT_TRUE(store_->ready());
  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "down")});
  Answer answer = Query(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, SizeIs(1));
  ASSERT_THAT(answer.warnings, SizeIs(1));
  EXPECT_THAT(answer.warnings[0], HasSubstr(kFirst.ToString()));
  request.partial_response = storeapi::PartialResponse::kAbort;
  EXPECT_EQ(Query(request).status.code(), base::StatusCode::kAborted);
  plan_ = [](const objstore::BucketCall&) { return objstore::Fault{}; };
  ASSERT_TRUE(store_->Sync({}).ok());
  EXPECT_THAT(Query(request).series, SizeIs(2));
}

TEST_F(BucketStoreTest, DamagedMetasAreNamedAndHideNothing) {
  AddTwoBlocks();
  const std::string good(bucket_.Get({}, block::MetaPath(kFirst))->bytes);
  std::string other_version = good;
  other_version.replace(other_version.find("\"version\""), 12, "\"version\": 9");
  for (const std::string& bad : {std::string("{"), std::string(), std::string("[]"), other_version,
                                 std::string(bucket_.Get({}, block::MetaPath(kSecond))->bytes)}) {
    ASSERT_TRUE(bucket_.Upload({}, block::MetaPath(kFirst), bad).ok());
    std::filesystem::remove_all(directory_ + "/data");
    OpenAndSync();
    storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "down")});
    const Answer answer = Query(request);
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    EXPECT_THAT(answer.series, SizeIs(1)) << bad;
    ASSERT_THAT(answer.warnings, SizeIs(1)) << bad;
    EXPECT_THAT(answer.warnings[0], HasSubstr(kFirst.ToString()));
    request.partial_response = storeapi::PartialResponse::kAbort;
    EXPECT_EQ(Query(request).status.code(), base::StatusCode::kAborted);
  }
}

TEST_F(BucketStoreTest, ABlockThatVanishesDuringAQueryIsNamed) {
  AddTwoBlocks();
  OpenAndSync();
  for (const std::string file : {"index", "chunks/000001", "meta.json"}) {
    ASSERT_TRUE(bucket_.Delete({}, base::Concat(kFirst.ToString(), "/", file)).ok());
  }
  const Answer answer = Query(Request({Matcher::Equal("__name__", "down")}));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, SizeIs(1));
  ASSERT_THAT(answer.warnings, SizeIs(1));
  EXPECT_THAT(answer.warnings[0], HasSubstr(kFirst.ToString()));
  // The next synchronisation knows that it is gone.
  ASSERT_TRUE(store_->Sync({}).ok());
  EXPECT_THAT(Query(Request({Matcher::Equal("__name__", "down")})).warnings, SizeIs(0));
}

TEST_F(BucketStoreTest, ABlockThatDoesNotLoadIsNamedAndHidesNothing) {
  AddTwoBlocks();
  ASSERT_TRUE(bucket_.Upload({}, kFirst.ToString() + "/index", "no index").ok());
  OpenAndSync();
  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "down")}, 0, 0);
  Answer answer = Query(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, SizeIs(1));
  ASSERT_THAT(answer.warnings, SizeIs(1));
  EXPECT_THAT(answer.warnings[0], HasSubstr(kFirst.ToString()));
  request.partial_response = storeapi::PartialResponse::kAbort;
  answer = Query(request);
  EXPECT_EQ(answer.status.code(), base::StatusCode::kAborted);
  EXPECT_THAT(std::string(base::Message(answer.status)), HasSubstr(kFirst.ToString()));
  // It is back as soon as it can be read.
  ASSERT_TRUE(block::UploadTestBlock(bucket_, directory_ + "/blocks", kFirst).ok());
  ASSERT_TRUE(store_->Sync({}).ok());
  EXPECT_THAT(Query(request).series, SizeIs(2));
}

TEST_F(BucketStoreTest, AMissingChunkFileIsAWarningNamingTheBlock) {
  AddTwoBlocks();
  OpenAndSync();
  ASSERT_TRUE(bucket_.Delete({}, kFirst.ToString() + "/chunks/000001").ok());
  storeapi::SeriesRequest request = Request({Matcher::Equal("__name__", "down")}, 0, 0);
  const Answer answer = Query(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, SizeIs(1));
  ASSERT_THAT(answer.warnings, SizeIs(1));
  EXPECT_THAT(answer.warnings[0], HasSubstr(kFirst.ToString()));
  request.partial_response = storeapi::PartialResponse::kAbort;
  EXPECT_EQ(Query(request).status.code(), base::StatusCode::kAborted);
}

// Every byte of a small block, flipped and cut there: right data, or fewer series and a warning that names
// the block.
TEST_F(BucketStoreTest, DamagedBlocksNeverGiveWrongData) {
  AddTwoBlocks();
  OpenAndSync();
  const storeapi::SeriesRequest request = Request({Matcher::Equal("job", "x")});
  const std::vector<std::string> want = Query(request).series;
  ASSERT_THAT(want, SizeIs(4));
  for (const std::string file : {"/index", "/chunks/000001"}) {
    const std::string name = kFirst.ToString() + file;
    const std::string content(bucket_.Get({}, name)->bytes);
    for (size_t i = 0; i < content.size(); ++i) {
      for (const bool flip : {true, false}) {
        std::string damaged = flip ? content : content.substr(0, i);
        if (flip) {
          damaged[i] = static_cast<char>(~damaged[i]);
        }
        ASSERT_TRUE(bucket_.Upload({}, name, damaged).ok());
        if (i % 16 == 0) {  // with an index-header made of the damaged index
          std::filesystem::remove_all(directory_ + "/data");
          OpenAndSync();
        }
        const Answer answer = Query(request);
        ASSERT_TRUE(answer.status.ok()) << answer.status;
        if (answer.warnings.empty()) {
          ASSERT_EQ(answer.series, want) << file << " " << i << (flip ? " flipped" : " cut");
        } else {
          EXPECT_THAT(answer.warnings[0], HasSubstr(kFirst.ToString()));
          for (const std::string& series : answer.series) {
            ASSERT_THAT(want, ::testing::Contains(series)) << file << " " << i;
          }
          EXPECT_GE(answer.series.size(), 2U) << "the other block is served";
        }
      }
    }
    ASSERT_TRUE(bucket_.Upload({}, name, content).ok());
    std::filesystem::remove_all(directory_ + "/data");
    OpenAndSync();
  }
}

TEST_F(BucketStoreTest, CancelledRequestsEnd) {
  AddTwoBlocks();
  OpenAndSync();
  base::CancelSource source;
  auto set = store_->Series(source.token(), Request({Matcher::Equal("__name__", "up")}));
  ASSERT_TRUE(set.ok());
  source.Cancel();
  series::SeriesBatch batch;
  EXPECT_EQ((*set)->Next(source.token(), &batch).status().code(), base::StatusCode::kCancelled);
  EXPECT_EQ(store_->Series(source.token(), Request({Matcher::Equal("__name__", "up")})).status().code(),
            base::StatusCode::kCancelled);
}

TEST_F(BucketStoreTest, LazyHeadersAnswerTheSame) {
  AddTwoBlocks();
  for (const bool cached : {true, false}) {
    for (const bool lazy_download : {true, false}) {
      Options options;
      options.cache_index_headers = cached;
      options.lazy_index_headers = true;
      options.lazy_index_header_download = lazy_download;
      options.index_header_idle_timeout = {};
      std::filesystem::remove_all(directory_ + "/data");
      OpenAndSync(options);
      EXPECT_THAT(Query(Request({Matcher::Equal("__name__", "up")})).series, SizeIs(4));
      ASSERT_TRUE(store_->Sync({}).ok());
      EXPECT_THAT(Query(Request({Matcher::Equal("__name__", "up")})).series, SizeIs(4));
    }
  }
}

}  // namespace
}  // namespace thanos::bucketstore
