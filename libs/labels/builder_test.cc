#include "labels/builder.h"

#include <gtest/gtest.h>
#include <random>

namespace thanos::labels {
namespace {

TEST(LabelBuilderTest, SetsDeletesAndKeeps) {
  const Labels base{{"a", "1"}, {"c", "3"}, {"d", "4"}};
  LabelBuilder builder(base);
  builder.Set("b", "2").Set("c", "30").Delete("d").Delete("nope").Set("a", "");
  EXPECT_EQ(builder.Build(), (Labels{{"b", "2"}, {"c", "30"}}));
  EXPECT_EQ(builder.Get("c"), "30");
  const std::string_view names[] = {"c"};
  EXPECT_EQ(builder.Keep(names).Build(), (Labels{{"c", "30"}}));
  builder.Reset(base);
  EXPECT_EQ(builder.Build(), base);
}

TEST(LabelBuilderTest, CopiesWhatIsSet) {
  LabelBuilder builder;
  {
    std::string value = "temporary value that is not short";
    builder.Set("name", value);
    value.assign(value.size(), 'x');
  }
  base::Arena arena;
  const LabelSpan built = builder.BuildTo(arena);
  builder.Reset({});
  EXPECT_EQ(Get(built, "name"), "temporary value that is not short");
}

TEST(MergeExternalTest, ExternalWins) {
  base::Arena arena;
  const Labels labels{{"a", "1"}, {"m", "2"}, {"z", "3"}};
  const Labels external{{"b", "x"}, {"m", "y"}, {"zz", "w"}};
  EXPECT_TRUE(Equal(MergeExternal(arena, labels, external),
                    Labels{{"a", "1"}, {"b", "x"}, {"m", "y"}, {"z", "3"}, {"zz", "w"}}));
  EXPECT_TRUE(Equal(MergeExternal(arena, {}, external), external));
  EXPECT_EQ(MergeExternal(arena, labels, {}).data(), labels.span().data());
}

TEST(MergeExternalTest, EqualsBuilderOnRandomSets) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto random_labels = [&](std::string_view value) {
    LabelBuilder builder;
    for (auto count = random() % 8; count > 0; --count) {
      builder.Set(std::string(1, static_cast<char>('a' + random() % 10)), value);
    }
    return builder.Build();
  };
  for (int round = 0; round < 2000; ++round) {
    const Labels labels = random_labels("own");
    const Labels external = random_labels("external");
    LabelBuilder builder(labels);
    for (const LabelView& label : external) {
      builder.Set(label.name, label.value);
    }
    base::Arena arena;
    const LabelSpan merged = MergeExternal(arena, labels, external);
    ASSERT_TRUE(Equal(merged, builder.span())) << ToString(merged) << " " << ToString(builder.span());
  }
}

TEST(WithoutTest, RemovesNames) {
  base::Arena arena;
  const Labels labels{{"a", "1"}, {"replica", "2"}, {"z", "3"}};
  const std::string names[] = {"replica", "other"};
  EXPECT_TRUE(Equal(Without(arena, labels, names), Labels{{"a", "1"}, {"z", "3"}}));
  const std::string absent[] = {"other"};
  EXPECT_EQ(Without(arena, labels, absent).data(), labels.span().data());
}

}  // namespace
}  // namespace thanos::labels
