#include "buckettools/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::buckettools {
namespace {

using ::testing::HasSubstr;

block::Meta SomeMeta() {
  block::Meta meta;
  meta.ulid = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQK");
  meta.min_time_ms = 1'750'000'000'123;
  meta.max_time_ms = 1'750'007'200'000;
  meta.stats.num_series = 7;
  meta.compaction.level = 2;
  meta.compaction.sources = {meta.ulid};
  block::ThanosSection& thanos = meta.thanos.emplace();
  thanos.labels = labels::Labels({{"cluster", "a"}, {"replica", "1"}});
  thanos.source = "sidecar";
  return meta;
}

std::string Format(std::string_view format) {
  const auto parsed = BlockFormat::Parse(format);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? parsed->Format(SomeMeta()) : "";
}

TEST(ListingTest, PrintsUlidsWideLinesAndJson) {
  EXPECT_EQ(Format(""), "01JXQ5B2M8ZC4N9W0V8R5T7YQK\n");
  EXPECT_EQ(Format("wide"),
            "01JXQ5B2M8ZC4N9W0V8R5T7YQK -- 2025-06-15T15:06:40Z - 2025-06-15T17:06:40Z Diff: 2h0m0s, "
            "Compaction: 2, Downsample: 0, Source: sidecar\n");
  EXPECT_EQ(Format("json"), block::FormatMeta(SomeMeta()));
}

TEST(ListingTest, FillsTemplates) {
  EXPECT_EQ(Format("{{ .ULID }} {{.Stats.NumSeries}} series, level {{.Compaction.Level}}"),
            "01JXQ5B2M8ZC4N9W0V8R5T7YQK 7 series, level 2\n");
  EXPECT_EQ(Format("{{.Thanos.Labels}}"), "map[cluster:a replica:1]\n");
  EXPECT_EQ(Format("{{.Thanos.Labels.cluster}}/{{index .Thanos.Labels \"none\"}}"), "a/<no value>\n");
}

TEST(ListingTest, RefusesOtherTemplates) {
  EXPECT_THAT(std::string(BlockFormat::Parse("{{.Nothing}}").status().ToString()), HasSubstr(".Nothing"));
  EXPECT_FALSE(BlockFormat::Parse("{{range .}}").ok());
  EXPECT_FALSE(BlockFormat::Parse("{{.ULID").ok());
}

}  // namespace
}  // namespace thanos::buckettools
