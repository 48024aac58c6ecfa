#include "block/meta.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::block {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// As Thanos 0.41 uploads it, with two keys this library does not know.
constexpr std::string_view kThanosMeta = R"({
	"ulid": "01JXQ5B2M8ZC4N9W0V8R5T7YQK",
	"minTime": 1750000000000,
	"maxTime": 1750007200000,
	"stats": {
		"numSamples": 240,
		"numFloatSamples": 240,
		"numSeries": 2,
		"numChunks": 2
	},
	"compaction": {
		"level": 2,
		"sources": [
			"01JXQ5B2M8ZC4N9W0V8R5T7YQK"
		],
		"parents": [
			{
				"ulid": "01JXQ5B2M8ZC4N9W0V8R5T7YQK",
				"minTime": 1750000000000,
				"maxTime": 1750007200000
			}
		],
		"hints": [
			"from-out-of-order"
		]
	},
	"version": 1,
	"future": {
		"ratio": 0.25,
		"list": [],
		"nothing": null
	},
	"thanos": {
		"labels": {
			"cluster": "a\u003cb",
			"replica": "1"
		},
		"downsample": {
			"resolution": 300000
		},
		"source": "sidecar",
		"segment_files": [
			"000001"
		],
		"files": [
			{
				"rel_path": "chunks/000001",
				"size_bytes": 1234
			},
			{
				"rel_path": "index",
				"size_bytes": 77,
				"hash": {
					"hashFunc": "SHA256",
					"value": "ab"
				}
			},
			{
				"rel_path": "meta.json"
			}
		],
		"rewrites": [
			{
				"sources": [
					"01JXQ5B2M8ZC4N9W0V8R5T7YQK"
				]
			}
		],
		"index_stats": {
			"series_max_size": 48
		},
		"extensions": {
			"parquet_migrated": true
		},
		"upload_time": "2025-06-15T15:06:40.5Z"
	}
}
)";

TEST(MetaTest, ReadsThanosMeta) {
  const auto meta = ParseMeta(kThanosMeta);
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->ulid.ToString(), "01JXQ5B2M8ZC4N9W0V8R5T7YQK");
  EXPECT_EQ(meta->min_time_ms, 1750000000000);
  EXPECT_EQ(meta->max_time_ms, 1750007200000);
  EXPECT_EQ(meta->stats.num_series, 2U);
  EXPECT_EQ(meta->compaction.level, 2);
  EXPECT_THAT(meta->compaction.sources, ElementsAre(meta->ulid));
  EXPECT_THAT(meta->compaction.hints, ElementsAre("from-out-of-order"));
  ASSERT_TRUE(meta->thanos);
  EXPECT_EQ(meta->thanos->labels, labels::Labels({{"cluster", "a<b"}, {"replica", "1"}}));
  EXPECT_EQ(meta->resolution_ms(), 300000);
  EXPECT_EQ(meta->thanos->source, kSourceSidecar);
  ASSERT_EQ(meta->thanos->files.size(), 3U);
  EXPECT_EQ(meta->thanos->files[1], (BlockFile{"index", 77, "SHA256", "ab"}));
  EXPECT_EQ(meta->thanos->series_max_bytes, 48);
  EXPECT_THAT(meta->thanos->extension_keys, ElementsAre("parquet_migrated"));
  EXPECT_EQ(meta->UploadTimeMs(), 1750000000500);
}

TEST(MetaTest, RewritesIdentically) {
  EXPECT_EQ(FormatMeta(*ParseMeta(kThanosMeta)), kThanosMeta);
}

TEST(MetaTest, ChangesOnlyWhatChanged) {
  Meta meta = *ParseMeta(kThanosMeta);
  meta.thanos->source = kSourceCompactor;
  meta.stats.num_samples = 0;
  meta.compaction.hints.clear();
  const Meta again = *ParseMeta(FormatMeta(meta));
  EXPECT_EQ(again.thanos->source, kSourceCompactor);
  EXPECT_EQ(again.stats.num_samples, 0U);
  EXPECT_TRUE(again.compaction.hints.empty());
  EXPECT_THAT(FormatMeta(meta), HasSubstr("\"ratio\": 0.25"));
  EXPECT_THAT(FormatMeta(meta), ::testing::Not(HasSubstr("numSamples")));
}

TEST(MetaTest, AppendsRewrites) {
  Meta meta = *ParseMeta(kThanosMeta);
  BlockRewrite rewrite;
  rewrite.sources = {meta.ulid};
  rewrite.deletions.push_back({.matchers = "{a=\"b\"}", .intervals = {{1, 2}}, .request_id = ""});
  rewrite.relabels.push_back({.source_labels = {"x"}, .target_label = "y"});
  meta.thanos->new_rewrites.push_back(rewrite);
  EXPECT_THAT(FormatMeta(meta), HasSubstr(R"json(
			{
				"sources": [
					"01JXQ5B2M8ZC4N9W0V8R5T7YQK"
				],
				"deletions_applied": [
					{
						"matchers": "{a=\"b\"}",
						"intervals": [
							{
								"Mint": 1,
								"Maxt": 2
							}
						]
					}
				],
				"relabels_applied": [
					{
						"sourceLabels": [
							"x"
						],
						"separator": ";",
						"regex": "(.*)",
						"targetLabel": "y",
						"replacement": "$1",
						"action": "replace"
					}
				]
			}
		],
		"index_stats")json"));
}

TEST(MetaTest, WritesAFreshMetaAsPrometheusDoes) {
  Meta meta;
  meta.ulid = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQK");
  meta.min_time_ms = 1;
  meta.max_time_ms = 2;
  meta.compaction.level = 1;
  EXPECT_EQ(FormatMeta(meta),
            "{\n\t\"ulid\": \"01JXQ5B2M8ZC4N9W0V8R5T7YQK\",\n\t\"minTime\": 1,\n\t\"maxTime\": "
            "2,\n\t\"stats\": {},\n"
            "\t\"compaction\": {\n\t\t\"level\": 1\n\t},\n\t\"version\": 1\n}");
}

TEST(MetaTest, RefusesWhatIsNoMeta) {
  const std::string good(kThanosMeta);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return ParseMeta(text).status().code();
  };
  EXPECT_EQ(with("\"version\": 1", "\"version\": 2"), base::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"maxTime\": 1750007200000", "\"maxTime\": 1"), base::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"maxTime\": 1750007200000", "\"maxTime\": \"1\""), base::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"01JXQ5B2M8ZC4N9W0V8R5T7YQK\"", "\"no\""), base::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"source\": \"sidecar\"", "\"source\": 1"), base::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"thanos\": {", "\"thanos\": {\"version\": 2,"), base::StatusCode::kDataLoss);
  EXPECT_EQ(with("\"thanos\": {", "\"thanos\": {\"version\": 1,"), base::StatusCode::kOk);
  EXPECT_FALSE(ParseMeta("").ok());
  EXPECT_FALSE(ParseMeta("[]").ok());
  EXPECT_FALSE(ParseMeta(std::string(100'000, '[')).ok());
}

TEST(MetaTest, EveryTruncationIsRefused) {
  for (size_t size = 0; size + 2 < kThanosMeta.size(); ++size) {
    EXPECT_FALSE(ParseMeta(kThanosMeta.substr(0, size)).ok()) << size;
  }
}

TEST(Rfc3339Test, RoundTrips) {
  EXPECT_EQ(FormatRfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(1750000000500), "2025-06-15T15:06:40.5Z");
  EXPECT_EQ(ParseRfc3339("2025-06-15T15:06:40.5Z"), 1750000000500);
  EXPECT_EQ(ParseRfc3339("2025-06-15T17:06:40.500123456+02:00"), 1750000000500);
  EXPECT_LT(*ParseRfc3339("0001-01-01T00:00:00Z"), 0);
  for (const std::string_view bad :
       {"", "2025-06-15", "2025-13-15T15:06:40Z", "2025-06-15T15:06:40", "2025-06-15T15:06:40+2"}) {
    EXPECT_FALSE(ParseRfc3339(bad)) << bad;
  }
}

}  // namespace
}  // namespace thanos::block
