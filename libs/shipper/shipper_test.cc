#include "shipper/shipper.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "objstore/fake.h"
#include "shipper/uploaded_list.h"

namespace thanos::shipper {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTwoHoursMs = 7'200'000;

// A data directory with fake blocks; the shipper does not look into their files.
class ShipperTest : public testing::Test {
 protected:
  ShipperTest() {
    directory_ =
        testing::TempDir() + "/shipper_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~ShipperTest() override { fs::remove_all(directory_); }

  // A block of two hours, `number` periods after the epoch.
  model::Ulid AddBlock(int number, int level = 1, uint64_t num_samples = 10) {
    block::Meta meta;
    meta.ulid = model::Ulid::FromParts(1000 + number, 1, 2);
    meta.min_time_ms = number * kTwoHoursMs;
    meta.max_time_ms = (number + 1) * kTwoHoursMs;
    meta.stats.num_samples = num_samples;
    meta.compaction.level = level;
    meta.compaction.sources = {meta.ulid};
    const std::string path = BlockPath(meta.ulid);
    fs::create_directories(path + "/chunks");
    WriteFile(path + "/chunks/000001", "chunks of " + meta.ulid.ToString());
    WriteFile(path + "/chunks/000002", "more");
    WriteFile(path + "/index", "index");
    WriteFile(path + "/tombstones", "tombstones");
    EXPECT_TRUE(block::WriteMetaFile(path, meta).ok());
    return meta.ulid;
  }
  std::string BlockPath(const model::Ulid& ulid) const { return directory_ + "/" + ulid.ToString(); }
  static void WriteFile(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }

  // A shipper as after a restart.
  base::StatusOr<int> Sync(objstore::Bucket& bucket, std::function<void(ShipperOptions&)> change = {}) {
    ShipperOptions options;
    options.data_directory = directory_;
    options.external_labels = [this] { return external_labels_; };
    if (change) {
      change(options);
    }
    return Shipper(std::move(options), bucket, pool_, clock_, *metrics_).Sync({});
  }

  std::vector<std::string> Objects(std::string_view directory = "") {
    std::vector<std::string> names;
    EXPECT_TRUE(bucket_
                    .List({}, directory, {.recursive = true},
                          [&](const objstore::ListEntry& entry) {
                            names.push_back(entry.name);
                            return base::OkStatus();
                          })
                    .ok());
    return names;
  }
  static std::vector<std::string> FilesOf(const model::Ulid& ulid) {
    const std::string id = ulid.ToString();
    return {id + "/chunks/000001", id + "/chunks/000002", id + "/index", id + "/meta.json"};
  }
  std::vector<model::Ulid> Remembered() { return *ReadUploadedList(directory_ + "/thanos.shipper.json"); }
  double Counter(const std::string& name) { return metrics_->AddCounter(name, "").Value(); }

  std::string directory_;
  labels::Labels external_labels_{{"cluster", "east"}, {"replica", "r1"}};
  objstore::MemoryBucket bucket_;
  concurrency::ThreadPool pool_{"test", 2};
  base::FakeClock clock_{1'700'000'000'000};
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
};

TEST_F(ShipperTest, UploadsEachBlockOnceWithItsThanosSection) {
  const model::Ulid ulid = AddBlock(1);
  EXPECT_EQ(*Sync(bucket_), 1);
  EXPECT_EQ(Objects(), FilesOf(ulid));
  EXPECT_EQ(Remembered(), std::vector<model::Ulid>{ulid});
  EXPECT_FALSE(fs::exists(directory_ + "/thanos/upload/" + ulid.ToString()));

  const auto meta = block::ParseMeta(bucket_.Get({}, block::MetaPath(ulid))->bytes);
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->min_time_ms, kTwoHoursMs);
  EXPECT_EQ(meta->thanos->labels, external_labels_);
  EXPECT_EQ(meta->thanos->source, "sidecar");
  EXPECT_EQ(meta->thanos->resolution_ms, 0);
  EXPECT_EQ(meta->thanos->segment_files, (std::vector<std::string>{"000001", "000002"}));
  ASSERT_EQ(meta->thanos->files.size(), 4U);
  EXPECT_EQ(meta->thanos->files[1].rel_path, "chunks/000002");
  EXPECT_EQ(meta->thanos->files[1].size_bytes, 4);
  EXPECT_EQ(meta->thanos->files[1].hash_value, "");
  EXPECT_EQ(meta->thanos->files[3].rel_path, "meta.json");

  objstore::FaultBucket counting(bucket_, [](const objstore::BucketCall&) { return objstore::Fault{}; });
  EXPECT_EQ(*Sync(counting), 0);
  EXPECT_EQ(counting.num_calls(), 0);
  EXPECT_EQ(Counter("thanos_shipper_uploads_total"), 1);
  EXPECT_EQ(Counter("thanos_shipper_dir_syncs_total"), 2);
}

TEST_F(ShipperTest, HashesFilesWhenAsked) {
  const model::Ulid ulid = AddBlock(1);
  ASSERT_TRUE(Sync(bucket_, [](ShipperOptions& options) { options.hash_files = true; }).ok());
  const auto meta = block::ParseMeta(bucket_.Get({}, block::MetaPath(ulid))->bytes);
  // sha256 of "index".
  EXPECT_EQ(meta->thanos->files[2].hash_value,
            "1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6");
  EXPECT_EQ(meta->thanos->files[2].hash_function, "SHA256");
}

TEST_F(ShipperTest, UploadsMetaLastAndCompletesAfterACrashAtEveryStep) {
  for (int crash_at = 0; crash_at < 4; ++crash_at) {
    const model::Ulid ulid = AddBlock(crash_at);
    std::vector<std::string> order;
    objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
      objstore::Fault fault;
      if (call.operation == objstore::BucketCall::Operation::kUpload) {
        if (static_cast<int>(order.size()) == crash_at) {
          fault.error = base::Unavailable("bucket is gone");
        }
        order.emplace_back(call.name);
      }
      return fault;
    });
    EXPECT_EQ(Sync(faulty).status().code(), base::StatusCode::kUnavailable);
    EXPECT_EQ(order.back(), FilesOf(ulid)[static_cast<size_t>(crash_at)]);
    EXPECT_FALSE(*bucket_.Exists({}, block::MetaPath(ulid)));

    EXPECT_EQ(*Sync(bucket_), 1) << crash_at;
    EXPECT_EQ(Objects(ulid.ToString()), FilesOf(ulid));
  }
  EXPECT_EQ(Counter("thanos_shipper_upload_failures_total"), 4);
  EXPECT_EQ(Counter("thanos_shipper_dir_sync_failures_total"), 4);
}

TEST_F(ShipperTest, SurvivesLeftOversAndALostListAndKeepsVisibleBlocks) {
  const model::Ulid ulid = AddBlock(1);
  ASSERT_EQ(*Sync(bucket_), 1);
  fs::create_directories(directory_ + "/thanos/upload/" + ulid.ToString());
  WriteFile(directory_ + "/thanos/upload/" + ulid.ToString() + "/index", "half");
  for (const std::string& list : {std::string("{"), std::string()}) {
    WriteFile(directory_ + "/thanos.shipper.json", list);
    int uploads = 0;
    objstore::FaultBucket counting(bucket_, [&](const objstore::BucketCall& call) {
      uploads += call.operation == objstore::BucketCall::Operation::kUpload ? 1 : 0;
      return objstore::Fault{};
    });
    EXPECT_EQ(*Sync(counting), 0);
    EXPECT_EQ(uploads, 0);
    EXPECT_EQ(Remembered(), std::vector<model::Ulid>{ulid});
  }
  EXPECT_FALSE(fs::exists(directory_ + "/thanos/upload"));
}

TEST_F(ShipperTest, SkipsEmptyAndCompactedBlocksAndForgetsDeletedOnes) {
  const model::Ulid plain = AddBlock(1);
  AddBlock(2, 1, 0);
  const model::Ulid compacted = AddBlock(3, 2);
  EXPECT_EQ(*Sync(bucket_), 1);
  EXPECT_EQ(Objects(), FilesOf(plain));
  EXPECT_EQ(*Sync(bucket_, [](ShipperOptions& options) { options.upload_compacted = true; }), 1);
  EXPECT_EQ(Remembered(), (std::vector<model::Ulid>{plain, compacted}));
  fs::remove_all(BlockPath(plain));
  EXPECT_EQ(*Sync(bucket_), 0);
  EXPECT_EQ(Remembered(), std::vector<model::Ulid>{compacted});
}

TEST_F(ShipperTest, CompactedBlocksMustNotOverlapTheBucket) {
  AddBlock(1);
  ASSERT_EQ(*Sync(bucket_), 1);
  block::Meta meta = *block::ReadMetaFile(BlockPath(AddBlock(1 + 100, 2)));
  meta.min_time_ms = kTwoHoursMs;
  ASSERT_TRUE(block::WriteMetaFile(BlockPath(meta.ulid), meta).ok());
  const auto upload_compacted = [](ShipperOptions& options) { options.upload_compacted = true; };
  EXPECT_EQ(Sync(bucket_, upload_compacted).status().code(), base::StatusCode::kFailedPrecondition);
  // Blocks of another source do not count.
  external_labels_ = {{"cluster", "west"}};
  EXPECT_EQ(*Sync(bucket_, upload_compacted), 1);
}

TEST_F(ShipperTest, AFailureStopsTheRoundUnlessOutOfOrderIsAllowed) {
  const model::Ulid first = AddBlock(1);
  const model::Ulid second = AddBlock(2);
  const model::Ulid third = AddBlock(3);
  objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
    objstore::Fault fault;
    if (call.operation == objstore::BucketCall::Operation::kUpload &&
        call.name == second.ToString() + "/index") {
      fault.error = base::Unavailable("no");
    }
    return fault;
  });
  EXPECT_FALSE(Sync(faulty).ok());
  EXPECT_EQ(Remembered(), std::vector<model::Ulid>{first});
  EXPECT_FALSE(Sync(faulty, [](ShipperOptions& options) { options.allow_out_of_order_uploads = true; }).ok());
  EXPECT_EQ(Remembered(), (std::vector<model::Ulid>{first, third}));
  EXPECT_EQ(*Sync(bucket_), 1);
  EXPECT_EQ(Remembered(), (std::vector<model::Ulid>{first, second, third}));
}

TEST_F(ShipperTest, ACorruptedBlockEndsTheRoundOrIsSkipped) {
  const model::Ulid bad = AddBlock(1);
  const model::Ulid good = AddBlock(2);
  WriteFile(BlockPath(bad) + "/meta.json", "{");
  EXPECT_FALSE(Sync(bucket_).ok());
  EXPECT_EQ(*Sync(bucket_, [](ShipperOptions& options) { options.skip_corrupted_blocks = true; }), 1);
  EXPECT_EQ(Objects(), FilesOf(good));
  EXPECT_EQ(Counter("thanos_shipper_corrupted_blocks_total"), 2);
}

TEST_F(ShipperTest, NothingIsUploadedWithoutExternalLabels) {
  AddBlock(1);
  external_labels_ = {};
  EXPECT_EQ(Sync(bucket_).status().code(), base::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Objects().empty());
}

TEST_F(ShipperTest, UploadsSegmentsInParallelToo) {
  const model::Ulid ulid = AddBlock(1);
  EXPECT_EQ(*Sync(bucket_, [](ShipperOptions& options) { options.upload_concurrency = 4; }), 1);
  EXPECT_EQ(Objects(), FilesOf(ulid));
}

}  // namespace
}  // namespace thanos::shipper
