#include "remotewrite/validate.h"

#include <gtest/gtest.h>
#include <vector>

#include "remotewrite/encode.h"

namespace thanos::remotewrite {
namespace {

struct Case {
  std::vector<labels::LabelView> labels;
  LabelProblem want;
};

TEST(ValidateTest, FindsTheFirstProblem) {
  const Case cases[] = {
      {{{"a", "b"}}, LabelProblem::kNone},
      {{{"a", "b"}, {"b", "\xc3\xbc"}}, LabelProblem::kNone},
      {{{"a", "b"}, {"ab", "b"}, {"b", "c"}}, LabelProblem::kNone},
      {{}, LabelProblem::kEmpty},
      {{{"", "b"}}, LabelProblem::kEmpty},
      {{{"a", ""}}, LabelProblem::kEmpty},
      {{{"b", "x"}, {"a", ""}}, LabelProblem::kEmpty},
      {{{"a", "x"}, {"a", "y"}}, LabelProblem::kDuplicate},
      {{{"b", "x"}, {"a", "y"}}, LabelProblem::kOutOfOrder},
      // Only neighbours are compared, as in the original.
      {{{"a", "x"}, {"b", "y"}, {"a", "z"}}, LabelProblem::kOutOfOrder},
      {{{"a", "\xff"}}, LabelProblem::kInvalidUtf8},
      {{{"\xc3", "b"}}, LabelProblem::kInvalidUtf8},
      {{{"b", "\xff"}, {"a", "y"}}, LabelProblem::kOutOfOrder},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(Validate(one.labels), one.want) << labels::ToString(one.labels);
    RequestBuilder builder(Version::kV1);
    builder.Add({.labels = one.labels});
    const std::string body = builder.Finish();
    RequestReader reader(Version::kV1, body);
    SeriesView series;
    ASSERT_TRUE(reader.Next(&series));
    EXPECT_EQ(Validate(series), one.want) << labels::ToString(one.labels);
  }
  EXPECT_EQ(Describe(LabelProblem::kOutOfOrder), "out of order labels");
}

}  // namespace
}  // namespace thanos::remotewrite
