#include "query/fan_in.h"

#include <gtest/gtest.h>

#include "promql_parser/parser.h"
#include "storeapi/fake_apis.h"

namespace thanos::query {
namespace {

constexpr storeapi::ServedApis kAll{
    .rules = true, .metric_metadata = true, .targets = true, .exemplars = true, .status = true};

class FanInTest : public testing::Test {
 protected:
  storeapi::FakeApis& AddEndpoint(const std::string& name, labels::Labels label_set = {},
                                  storeapi::ServedApis served = kAll) {
    auto apis = std::make_shared<storeapi::FakeApis>();
    apis->rules.groups.emplace_back().set_name(name);
    endpoints_.push_back({.apis = apis,
                          .name = name,
                          .served = served,
                          .label_sets = {std::move(label_set)},
                          .health = base::OkStatus()});
    return *apis;
  }
  FanIn Make(FanInOptions options = {}) {
    return FanIn(
        std::move(options), [this] { return std::make_shared<const fanout::ApiList>(endpoints_); }, pool_);
  }

  fanout::ApiList endpoints_;
  concurrency::ThreadPool pool_{"apis", 4};
};

::thanos::RulesRequest Strict() {
  ::thanos::RulesRequest request;
  request.set_partial_response_strategy(::thanos::ABORT);
  return request;
}

TEST_F(FanInTest, UnitesAnswersInOrderOfEndpoints) {
  AddEndpoint("a").rules.warnings = {"careful"};
  AddEndpoint("b");
  const auto answer = Make().Rules({}, {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->groups.size(), 2U);
  EXPECT_EQ(answer->groups[0].name(), "a");
  EXPECT_EQ(answer->groups[1].name(), "b");
  EXPECT_EQ(answer->warnings, std::vector<std::string>{"careful"});
}

TEST_F(FanInTest, AsksOnlyEndpointsThatAnnounceTheApi) {
  storeapi::FakeApis& other = AddEndpoint("a", {}, {.targets = true});
  AddEndpoint("b");
  const auto answer = Make().Rules({}, {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->groups.size(), 1U);
  EXPECT_EQ(other.num_calls, 0);
  EXPECT_TRUE(Make().Targets({}, {}).ok());
  EXPECT_EQ(other.num_calls, 1);
}

TEST_F(FanInTest, FailingEndpointsAreWarningsOrErrors) {
  AddEndpoint("a:1").status = base::Unavailable("connection refused");
  AddEndpoint("b:1");
  storeapi::FakeApis& sick = AddEndpoint("c:1");
  endpoints_.back().health = base::Unavailable("unhealthy");
  const auto partial = Make().Rules({}, {});
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_EQ(partial->groups.size(), 1U);
  EXPECT_EQ(partial->warnings, (std::vector<std::string>{"a:1: connection refused", "c:1: unhealthy"}));
  EXPECT_EQ(sick.num_calls, 0);

  endpoints_.pop_back();
  const auto strict = Make().Rules({}, Strict());
  EXPECT_EQ(strict.status().code(), base::StatusCode::kAborted);
  EXPECT_EQ(base::Message(strict.status()), "a:1: connection refused");
}

TEST_F(FanInTest, EndpointsThatHangDoNotTakeTheOthersDown) {
  AddEndpoint("a:1").before_answer = [](const base::CancelToken& cancel) {
    cancel.SleepFor(std::chrono::seconds(60));
    return cancel.status();
  };
  AddEndpoint("b:1");
  const auto answer = Make({.endpoint_timeout = std::chrono::milliseconds(20)}).Rules({}, {});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->groups.size(), 1U);
  EXPECT_EQ(answer->warnings.size(), 1U);
}

TEST_F(FanInTest, CancelledCallersGetTheirOwnStatus) {
  AddEndpoint("a:1");
  base::CancelSource source;
  source.Cancel();
  EXPECT_EQ(Make().Rules(source.token(), {}).status().code(), base::StatusCode::kCancelled);
}

TEST_F(FanInTest, ExemplarsAreAskedWhereExternalLabelsMatch) {
  storeapi::FakeApis& east = AddEndpoint("a", labels::Labels{{"cluster", "east"}});
  storeapi::FakeApis& west = AddEndpoint("b", labels::Labels{{"cluster", "west"}});
  ::thanos::ExemplarsRequest request;
  request.set_query(R"(rate(x{cluster="east",job="j"}[5m]))");
  request.set_start(1);
  ASSERT_TRUE(Make().Exemplars({}, request).ok());
  EXPECT_EQ(east.last_request(), R"(query: "{job=\"j\",__name__=\"x\"}" start: 1)");
  EXPECT_EQ(west.num_calls, 0);
  request.set_query("sum(");
  EXPECT_EQ(Make().Exemplars({}, request).status().code(), base::StatusCode::kInvalidArgument);
}

TEST_F(FanInTest, ExemplarsRespectSelectorLabels) {
  storeapi::FakeApis& apis = AddEndpoint("a");
  const FanInOptions options{.selector_labels = labels::Labels{{"region", "eu"}}};
  ::thanos::ExemplarsRequest request;
  request.set_query(R"(x{region="us"})");
  ASSERT_TRUE(Make(options).Exemplars({}, request).ok());
  EXPECT_EQ(apis.num_calls, 0);
  request.set_query(R"(x{region="eu"})");
  ASSERT_TRUE(Make(options).Exemplars({}, request).ok());
  EXPECT_EQ(apis.last_request(), R"(query: "{__name__=\"x\"}")");
}

struct QueryCase {
  std::string query;
  std::vector<labels::Labels> label_sets;
  std::string want;
};

TEST(ExemplarQueryTest, KeepsWhatTheEndpointMustCheckItself) {
  const labels::Labels east{{"cluster", "east"}};
  const labels::Labels west{{"cluster", "west"}};
  const std::vector<QueryCase> cases = {
      {R"({cluster="east"})", {east}, R"({__name__!=""})"},
      {R"({cluster=~"e.*",job=~".*",a="b"})", {east}, R"({job=~".*",a="b"})"},
      {R"({cluster="east"})", {}, R"({cluster="east"})"},
      {R"({cluster="east"})", {east, west}, R"({cluster="east"})"},
      {R"({cluster="north"})", {east, west}, ""},
      {R"({cluster="west"} + {a="b"})", {east}, R"({a="b"})"},
      {R"({c="d"} + {a="b"} + {c="d"})", {east}, R"({c="d"} + {a="b"})"},
  };
  for (const QueryCase& one : cases) {
    const auto expr = promql_parser::Parse(one.query);
    ASSERT_TRUE(expr.ok()) << expr.status();
    std::vector<std::vector<labels::Matcher>> selectors;
    promql_parser::ForEachSelector(
        **expr, [&](promql_parser::VectorSelector& selector) { selectors.push_back(selector.matchers); });
    EXPECT_EQ(ExemplarQuery(selectors, one.label_sets), one.want) << one.query;
  }
}

}  // namespace
}  // namespace thanos::query
