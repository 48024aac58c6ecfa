#include "buckettools/replicate.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "objstore/fake.h"

namespace thanos::buckettools {
namespace {

class ReplicateTest : public ::testing::Test {
 protected:
  MetaPtr Add(int64_t number, std::string_view cluster, int level = 1, int64_t resolution_ms = 0) {
    auto meta = std::make_shared<block::Meta>();
    meta->ulid = model::Ulid::FromParts(number, 0, 0);
    meta->min_time_ms = number;
    meta->max_time_ms = number + 1;
    meta->compaction.level = level;
    meta->thanos.emplace().labels = labels::Labels({{"cluster", cluster}});
    meta->thanos->resolution_ms = resolution_ms;
    const std::string id = meta->ulid.ToString();
    for (const auto& [name, content] :
         {std::pair{"/chunks/000001", std::string("chunks")}, {"/index", "index"}}) {
      EXPECT_TRUE(from_.Upload({}, id + name, content + id).ok());
    }
    EXPECT_TRUE(from_.Upload({}, id + "/meta.json", block::FormatMeta(*meta)).ok());
    metas_.push_back(meta);
    return meta;
  }
  static std::vector<std::string> Objects(objstore::Bucket& bucket) {
    std::vector<std::string> names;
    EXPECT_TRUE(bucket
                    .List({}, "", {.recursive = true},
                          [&](const objstore::ListEntry& entry) {
                            names.push_back(entry.name);
                            return base::OkStatus();
                          })
                    .ok());
    return names;
  }
  ReplicationSelection All() {
    ReplicationSelection all;
    all.resolutions_ms = {0, 300'000, 3'600'000};
    all.levels = {1, 2, 3, 4};
    return all;
  }

  objstore::MemoryBucket from_;
  objstore::MemoryBucket to_;
  std::vector<MetaPtr> metas_;
};

TEST_F(ReplicateTest, CopiesBlocksOnce) {
  Add(2, "a");
  Add(1, "a");
  Replicator replicator(All(), from_, to_, telemetry::NullRegistry());
  ASSERT_TRUE(replicator.Run({}, metas_).ok());
  EXPECT_EQ(Objects(to_), Objects(from_));
  // What is there is not sent again: the source's content does not matter any more.
  const std::string chunks = metas_[0]->ulid.ToString() + "/chunks/000001";
  ASSERT_TRUE(from_.Delete({}, chunks).ok());
  EXPECT_TRUE(replicator.Run({}, metas_).ok());
  EXPECT_TRUE(*to_.Exists({}, chunks));
}

TEST_F(ReplicateTest, MetaComesLast) {
  const MetaPtr meta = Add(1, "a");
  std::vector<std::string> uploads;
  objstore::FaultBucket observed(to_, [&](const objstore::BucketCall& call) {
    if (call.operation == objstore::BucketCall::Operation::kUpload) {
      uploads.emplace_back(call.name);
    }
    return objstore::Fault();
  });
  ASSERT_TRUE(Replicator(All(), from_, observed, telemetry::NullRegistry()).Run({}, metas_).ok());
  ASSERT_EQ(uploads.size(), 3U);
  EXPECT_EQ(uploads.back(), block::MetaPath(meta->ulid));
}

TEST_F(ReplicateTest, ReplacesAnObjectOfAnotherSize) {
  const MetaPtr meta = Add(1, "a");
  const std::string index = meta->ulid.ToString() + "/index";
  ASSERT_TRUE(to_.Upload({}, index, "half").ok());
  ASSERT_TRUE(Replicator(All(), from_, to_, telemetry::NullRegistry()).Run({}, metas_).ok());
  EXPECT_EQ(to_.Get({}, index)->bytes, from_.Get({}, index)->bytes);
}

TEST_F(ReplicateTest, SelectsByLabelsLevelAndResolution) {
  const MetaPtr wanted = Add(1, "a");
  const MetaPtr other_cluster = Add(2, "b");
  const MetaPtr other_level = Add(3, "a", 2);
  const MetaPtr other_resolution = Add(4, "a", 1, 300'000);
  ReplicationSelection selection;
  selection.matchers = {labels::Matcher::Equal("cluster", "a")};
  selection.levels = {1};
  selection.resolutions_ms = {0};
  EXPECT_TRUE(selection.Selects(*wanted));
  for (const MetaPtr& other : {other_cluster, other_level, other_resolution}) {
    EXPECT_FALSE(selection.Selects(*other));
  }
  selection.blocks = {other_cluster->ulid};
  EXPECT_FALSE(selection.Selects(*wanted));
  EXPECT_TRUE(selection.Selects(*other_cluster));
}

}  // namespace
}  // namespace thanos::buckettools
