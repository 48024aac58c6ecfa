#include "query/distributed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "promql_parser/parser.h"
#include "promql_parser/printer.h"
#include "query/query_service.h"
#include "query/testing.h"
#include "telemetry/metrics.h"

namespace thanos::query {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kStepMs = 15'000;

struct PlanCase {
  std::string query;
  std::string rewritten;
  std::vector<std::string> parts;
};

TEST(PlanDistributionTest, TakesOutAggregationsThatCanBeJoined) {
  const std::vector<PlanCase> cases = {
      {"sum by (pod) (rate(m[5m]))",
       R"(sum by (pod) ({__remote_part__="0"}))",
       {"sum by (pod, cluster) (rate(m[5m]))"}},
      {"sum(m) / count(m)",
       R"(sum({__remote_part__="0"}) / sum({__remote_part__="1"}))",
       {"sum by (cluster) (m)", "count by (cluster) (m)"}},
      {"avg by (cluster) (m) * 2",
       R"((sum by (cluster) ({__remote_part__="0"}) / sum by (cluster) ({__remote_part__="1"})) * 2)",
       {"sum by (cluster) (m)", "count by (cluster) (m)"}},
      {"max without (pod, cluster) (m)",
       R"(max without (pod, cluster) ({__remote_part__="0"}))",
       {"max without (pod) (m)"}},
      {"topk(3, m)", R"(topk(3, {__remote_part__="0"}))", {"topk by (cluster) (3, m)"}},
      {"quantile(0.9, sum by (pod) (m))",
       R"(quantile(0.9, sum by (pod) ({__remote_part__="0"})))",
       {"sum by (pod, cluster) (m)"}},
      {"histogram_quantile(0.9, sum by (le) (rate(m[5m])))",
       R"(histogram_quantile(0.9, sum by (le) ({__remote_part__="0"})))",
       {"sum by (le, cluster) (rate(m[5m]))"}},
      {"sum(m > 1)", R"(sum({__remote_part__="0"}))", {"sum by (cluster) (m > 1)"}},
      // Not per series, or on another grid.
      {"sum(a / b)", "sum(a / b)", {}},
      {"stddev(m)", "stddev(m)", {}},
      {"sum(absent(m))", "sum(absent(m))", {}},
      {"max_over_time(sum(m)[1h:1m])", "max_over_time(sum(m)[1h:1m])", {}},
      {"sum(max_over_time(rate(m[5m])[1h:]))", "sum(max_over_time(rate(m[5m])[1h:]))", {}},
      {"sum(max by (pod) (m))",
       R"(sum(max by (pod) ({__remote_part__="0"})))",
       {"max by (pod, cluster) (m)"}},
      {"m", "m", {}},
  };
  for (const PlanCase& plan_case : cases) {
    const auto expr = promql_parser::Parse(plan_case.query);
    ASSERT_TRUE(expr.ok()) << plan_case.query << ": " << expr.status();
    const DistributedPlan plan = PlanDistribution(**expr, {"cluster"});
    EXPECT_EQ(promql_parser::Print(*plan.expr), plan_case.rewritten);
    std::vector<std::string> parts;
    for (const RemotePart& part : plan.parts) {
      parts.push_back(part.query);
    }
    EXPECT_EQ(parts, plan_case.parts) << plan_case.query;
  }
}

TEST(PartitionLabelsTest, PartitionsMustBeApart) {
  const labels::Labels eu_a{{"cluster", "eu"}, {"replica", "a"}};
  const labels::Labels eu_b{{"cluster", "eu"}, {"replica", "b"}};
  const labels::Labels us{{"cluster", "us"}, {"tenant", "x"}};
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(PartitionLabels({{eu_a, eu_b}, {us}}, {"replica"}, {}), ElementsAre("cluster", "tenant"));
  EXPECT_THAT(PartitionLabels({{eu_a, eu_b}, {us}}, {"replica"}, {"cluster"}), ElementsAre("cluster"));
  EXPECT_THAT(PartitionLabels({{eu_a}, {eu_b}}, {"replica"}, {}), IsEmpty());
  EXPECT_THAT(PartitionLabels({{eu_a}, {eu_b}}, {}, {}), ElementsAre("cluster", "replica"));
  EXPECT_THAT(PartitionLabels({{eu_a}, {labels::Labels{{"tenant", "x"}}}}, {}, {}), IsEmpty());
  EXPECT_THAT(PartitionLabels({{eu_a}, {}}, {}, {}), IsEmpty());
}

// Two queriers and a store that is none, each with its clusters, against one store with everything.
class DistributedQueryTest : public testing::Test {
 protected:
  struct Leaf {
    storeapi::FakeStore store;
    std::unique_ptr<QueryRunner> runner;
    std::unique_ptr<QueryService> service;
  };

  DistributedQueryTest() {
    std::mt19937 random(7);
    int leaf_index = 0;
    for (const char* const cluster : {"ap", "eu", "us"}) {
      for (int pod = 0; pod < 4; ++pod) {
        chunkenc::XorAppender appender;
        int64_t first_ms = 0;
        int64_t last_ms = 0;
        double value = 0;
        for (int i = 0; i < 80; ++i) {
          // Gaps longer than the lookback make values come and go between steps.
          if (random() % 10 == 0) {
            i += 20;
          }
          last_ms = kStartMs + i * kStepMs;
          first_ms = first_ms == 0 ? last_ms : first_ms;
          value += static_cast<double>(random() % 10);
          appender.Append(last_ms, value);
        }
        const storeapi::FakeSeries series{
            labels::Labels{{"__name__", "m"},
                           {"cluster", cluster},
                           {"pod", std::string(1, static_cast<char>('a' + pod))}},
            {{first_ms, last_ms, appender.Bytes()}}};
        all_.series.push_back(series);
        (leaf_index < 2 ? leaves_[leaf_index].store : rest_).series.push_back(series);
      }
      ++leaf_index;
    }
    for (Leaf& leaf : leaves_) {
      leaf.runner = std::make_unique<QueryRunner>(QueryRunnerOptions{},
                                                  QueryRunnerBackends{.store = leaf.store,
                                                                      .engine = engine_,
                                                                      .clock = clock_,
                                                                      .metrics = telemetry::NullRegistry(),
                                                                      .narrow = nullptr});
      leaf.service = std::make_unique<QueryService>(QueryServiceOptions{}, *leaf.runner);
    }
    Announce(base::OkStatus());
  }

  void Announce(base::Status health_of_first) {
    auto engines = std::make_shared<fanout::ApiList>();
    auto stores = std::make_shared<fanout::StoreList>();
    const std::vector<std::string> names = {"ap", "eu"};
    for (size_t i = 0; i < 2; ++i) {
      fanout::ApiRef engine;
      engine.name = names[i] + ":1";
      engine.served.query = true;
      engine.label_sets = {labels::Labels{{"cluster", names[i]}},
                           labels::Labels{{"@thanos_compatibility_store_type", "store"}}};
      engine.store.label_sets = engine.label_sets;
      engine.health = i == 0 ? health_of_first : base::OkStatus();
      engine.query_api =
          std::shared_ptr<storeapi::QueryApi>(std::shared_ptr<void>(), leaves_[i].service.get());
      engines->push_back(engine);
      fanout::StoreRef store;
      store.name = engine.name;
      store.info.label_sets = engine.label_sets;
      stores->push_back(store);
    }
    fanout::StoreRef rest;
    rest.name = "us:1";
    rest.info.label_sets = {labels::Labels{{"cluster", "us"}}};
    stores->push_back(rest);
    engines_ = engines;
    stores_ = stores;
  }

  base::StatusOr<promql::Result> Distributed(const std::string& query, QueryParameters parameters) {
    QueryDistributor distributor(
        {}, {.engines = [this] { return engines_; },
             .stores = [this] { return stores_; },
             .narrow =
                 [this](std::vector<std::vector<labels::Matcher>>) { return std::make_unique<Rest>(rest_); },
             .pool = pool_});
    const auto expr = promql_parser::Parse(query);
    if (!expr.ok()) {
      return expr.status();
    }
    return distributor.Evaluate({}, **expr, parameters, engine_, all_, nullptr);
  }
  std::string Text(base::StatusOr<promql::Result> result) {
    if (!result.ok()) {
      return std::string(base::Message(result.status()));
    }
    result->stats = {};
    return EncodeResult(*result, {});
  }

  // The store of the others, which outlives the query.
  class Rest final : public storeapi::Store {
   public:
    explicit Rest(storeapi::Store& store) : store_(store) {}
    base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(
        const base::CancelToken& cancel, const storeapi::SeriesRequest& request) override {
      return store_.Series(cancel, request);
    }
    base::StatusOr<storeapi::LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                        const storeapi::LabelNamesRequest& request) override {
      return store_.LabelNames(cancel, request);
    }
    base::StatusOr<storeapi::LabelsResponse> LabelValues(
        const base::CancelToken& cancel, const storeapi::LabelValuesRequest& request) override {
      return store_.LabelValues(cancel, request);
    }
    base::StatusOr<storeapi::StoreInfo> Info() override { return store_.Info(); }

   private:
    storeapi::Store& store_;
  };

  promql::Engine engine_{promql::EngineOptions{.lookback_ms = 60'000}};
  base::FakeClock clock_{kStartMs};
  concurrency::ThreadPool pool_{"remote", 4};
  storeapi::FakeStore all_;
  storeapi::FakeStore rest_;
  Leaf leaves_[2];
  std::shared_ptr<const fanout::ApiList> engines_;
  std::shared_ptr<const fanout::StoreList> stores_;
};

TEST_F(DistributedQueryTest, AnswersAreThoseOfOneQuerier) {
  for (const std::string query :
       {"sum(m)", "sum by (pod) (m)", "avg by (pod) (m)", "avg(m)", "count(m) - 1",
        "min without (cluster) (m)", "topk(2, m)", "bottomk by (pod) (1, m)",
        "sum by (cluster) (rate(m[2m]))", "group by (pod) (m)", "max(sum by (pod) (m))",
        "sum(m) / on() group_left() count(m) + on() group_right() sum by (pod) (m offset 1m)", "m > 100",
        "stddev(m)", "-sum(m) + 5", "sum(m @ 1700000300)"}) {
    for (const bool instant : {false, true}) {
      QueryParameters parameters;
      parameters.query = {.start_ms = kStartMs, .end_ms = kStartMs + 1'200'000, .step_ms = 15'000};
      if (instant) {
        parameters.query = {.start_ms = kStartMs + 600'000, .end_ms = kStartMs + 600'000, .instant = true};
      }
      parameters.source.tenant = "team";
      parameters.timeout = std::chrono::seconds(30);
      const auto expr = promql_parser::Parse(query);
      ASSERT_TRUE(expr.ok()) << query << expr.status();
      StoreSource source(all_, parameters.source, nullptr);
      EXPECT_EQ(Text(Distributed(query, parameters)),
                Text(engine_.Query({}, **expr, parameters.query, source)))
          << query;
    }
  }
  EXPECT_GT(leaves_[0].store.num_calls, 0);
  EXPECT_GT(rest_.num_calls, 0);
}

TEST_F(DistributedQueryTest, AQuerierThatFailsIsToldOrFailsTheQuery) {
  QueryParameters parameters;
  parameters.query = {.start_ms = kStartMs + 600'000, .end_ms = kStartMs + 600'000, .instant = true};
  parameters.source.tenant = "team";
  parameters.timeout = std::chrono::seconds(30);
  for (const bool dead : {false, true}) {
    Announce(dead ? base::Unavailable("gone") : base::OkStatus());
    leaves_[0].store.open_status = dead ? base::OkStatus() : base::Unavailable("gone");
    parameters.source.partial_response = storeapi::PartialResponse::kWarn;
    const auto partial = Distributed("sum(m)", parameters);
    ASSERT_TRUE(partial.ok()) << partial.status();
    EXPECT_THAT(partial->warnings, testing::ElementsAre(testing::HasSubstr("gone")));
    parameters.source.partial_response = storeapi::PartialResponse::kAbort;
    EXPECT_FALSE(Distributed("sum(m)", parameters).ok());
  }
}

}  // namespace
}  // namespace thanos::query
