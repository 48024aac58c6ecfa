#include "buckettools/rewrite.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "block/reader.h"
#include "block/test_block.h"
#include "chunkenc/column_decoder.h"
#include "relabel/config.h"

namespace thanos::buckettools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Samples = std::vector<std::pair<int64_t, double>>;

constexpr int64_t kMinuteMs = 60'000;

class RewriteTest : public ::testing::Test {
 protected:
  RewriteTest()
      : directory_(::testing::TempDir() + "/rewrite_test_" +
                   ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~RewriteTest() override { std::filesystem::remove_all(directory_); }

  void Write(std::vector<block::TestSeries> series) {
    const auto meta = block::WriteTestBlock(
        directory_, {model::Ulid::FromParts(1, 1, 1), labels::Labels({{"cluster", "x"}}), std::move(series)});
    ASSERT_TRUE(meta.ok()) << meta.status();
    source_ = *meta;
  }
  base::StatusOr<RewriteResult> Rewrite(std::string_view deletions, std::string_view relabels,
                                        bool dry_run = false) {
    RewriteOptions options;
    options.ulid = model::Ulid::FromParts(2, 2, 2);
    TH_ASSIGN_OR_RETURN(options.deletions, ParseDeletionRequests(deletions));
    TH_ASSIGN_OR_RETURN(options.relabels, relabel::ParseRules(relabels));
    options.dry_run = dry_run;
    options.change = [this](std::string_view line) { changes_.emplace_back(line); };
    return RewriteBlock({}, directory_ + "/" + source_.ulid.ToString(), directory_, options);
  }
  // Every sample of the result by the text of its labels.
  std::map<std::string, Samples> Result() {
    std::map<std::string, Samples> all;
    const auto block =
        block::BlockReader::Open(directory_ + "/" + model::Ulid::FromParts(2, 2, 2).ToString());
    EXPECT_TRUE(block.ok()) << block.status();
    index::IndexSeries series;
    const auto postings = (*block)->index().AllPostings();
    for (const index::SeriesRef ref : *postings) {
      EXPECT_TRUE((*block)->index().Series(ref, &series).ok());
      Samples& samples = all[labels::ToString(labels::LabelSpan(series.labels))];
      for (const index::ChunkMeta& chunk : series.chunks) {
        const auto encoded = (*block)->chunks().Read(chunk.ref);
        chunkenc::SampleColumns columns;
        EXPECT_TRUE(
            chunkenc::DecodeChunk(encoded->encoding, encoded->data, INT64_MIN, INT64_MAX, &columns).ok());
        for (size_t i = 0; i < columns.timestamps.size(); ++i) {
          samples.emplace_back(columns.timestamps[i], columns.values[i]);
        }
      }
    }
    return all;
  }

  const std::string directory_;
  block::Meta source_;
  std::vector<std::string> changes_;
};

TEST_F(RewriteTest, DeletesSeriesAndIntervals) {
  const Samples hour = block::Ramp(0, 60 * kMinuteMs, kMinuteMs);
  Write({{labels::Labels({{"__name__", "a"}}), hour},
         {labels::Labels({{"__name__", "b"}}), hour},
         {labels::Labels({{"__name__", "c"}}), hour}});
  const auto result = Rewrite(
      "[{matchers: '{__name__=\"a\"}'}, {matchers: '{__name__=~\"b|x\"}', intervals: [{mint: 0, maxt: "
      "600000}]}]",
      "");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->num_deleted_series, 1U);
  EXPECT_EQ(result->num_cut_series, 1U);
  const auto after = Result();
  EXPECT_THAT(after, SizeIs(2));
  EXPECT_EQ(after.at("{__name__=\"b\"}"), Samples(hour.begin() + 11, hour.end()));
  EXPECT_EQ(after.at("{__name__=\"c\"}"), hour);
  EXPECT_THAT(changes_,
              ElementsAre("Deleted {__name__=\"a\"} [{0 3540000}]", "Deleted {__name__=\"b\"} [{0 600000}]"));
  EXPECT_THAT(result->meta.compaction.sources, ElementsAre(result->meta.ulid));
  EXPECT_EQ(result->meta.thanos->source, "bucket.rewrite");
  EXPECT_EQ(result->meta.stats.num_series, 2U);
  EXPECT_EQ(result->meta.stats.num_samples, 109U);
  EXPECT_THAT(block::FormatMeta(result->meta), HasSubstr("\"deletions_applied\""));
  EXPECT_EQ(block::FormatMeta(result->meta),
            block::FormatMeta(*block::ReadMetaFile(directory_ + "/" + result->meta.ulid.ToString())));
}

TEST_F(RewriteTest, RelabellingSortsAndJoinsSeries) {
  const Samples first = block::Ramp(0, 30 * kMinuteMs, kMinuteMs);
  const Samples second = block::Ramp(15 * kMinuteMs, 60 * kMinuteMs, kMinuteMs);
  Write({{labels::Labels({{"__name__", "m"}, {"pod", "p1"}, {"zone", "z"}}), first},
         {labels::Labels({{"__name__", "m"}, {"pod", "p2"}, {"zone", "z"}}), second},
         {labels::Labels({{"__name__", "n"}, {"zone", "a"}}), first}});
  const auto result = Rewrite("", R"(
- {action: labeldrop, regex: pod}
- {source_labels: [__name__], regex: n, target_label: __name__, replacement: a}
)");
  ASSERT_TRUE(result.ok()) << result.status();
  const auto after = Result();
  EXPECT_THAT(after, SizeIs(2));
  EXPECT_EQ(after.at("{__name__=\"a\", zone=\"a\"}"), first);
  const Samples& joined = after.at("{__name__=\"m\", zone=\"z\"}");
  EXPECT_THAT(joined, SizeIs(60));
  EXPECT_EQ(joined.front(), first.front());
  EXPECT_EQ(joined.back(), second.back());
  EXPECT_EQ(result->num_relabelled_series, 3U);
}

TEST_F(RewriteTest, DeletionsSeeTheNewLabels) {
  Write({{labels::Labels({{"__name__", "old"}}), block::Ramp(0, 10 * kMinuteMs, kMinuteMs)},
         {labels::Labels({{"__name__", "other"}}), block::Ramp(0, 10 * kMinuteMs, kMinuteMs)}});
  const auto result =
      Rewrite("[{matchers: '{__name__=\"new\"}'}]",
              "[{source_labels: [__name__], regex: old, target_label: __name__, replacement: new}]");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(Result(), SizeIs(1));
}

TEST_F(RewriteTest, DryRunOnlyTells) {
  Write({{labels::Labels({{"__name__", "a"}}), block::Ramp(0, 10 * kMinuteMs, kMinuteMs)}});
  const auto result = Rewrite("[{matchers: '{__name__=\"a\"}'}]", "", true);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->empty);
  EXPECT_THAT(changes_, SizeIs(1));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/" + source_.ulid.ToString() + "/tombstones"));
}

TEST_F(RewriteTest, NothingLeft) {
  Write({{labels::Labels({{"__name__", "a"}}), block::Ramp(0, 10 * kMinuteMs, kMinuteMs)}});
  const auto deleted = Rewrite("[{matchers: '{__name__=\"a\"}'}]", "");
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(deleted->empty);
  const auto dropped = Rewrite("", "[{action: drop, source_labels: [__name__], regex: a}]");
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  EXPECT_TRUE(dropped->empty);
}

TEST(DeletionRequestsTest, RefusesMalformedOnes) {
  for (const std::string_view yaml :
       {"{matchers: a}", "[{matchers: '{a='}]", "[{matchers: '{a=\"b\"}', what: 1}]",
        "[{matchers: '{a=\"b\"}', intervals: [{mint: 5, maxt: 1}]}]"}) {
    EXPECT_EQ(ParseDeletionRequests(yaml).status().code(), base::StatusCode::kInvalidArgument) << yaml;
  }
}

}  // namespace
}  // namespace thanos::buckettools
