#include "query/fan_in.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "concurrency/task_group.h"
#include "promql_parser/parser.h"

namespace thanos::query {
namespace {

using Selector = std::vector<labels::Matcher>;

void Unite(storeapi::RulesAnswer from, storeapi::RulesAnswer* into) {
  std::ranges::move(from.groups, std::back_inserter(into->groups));
}
void Unite(storeapi::TargetsAnswer from, storeapi::TargetsAnswer* into) {
  into->targets.MergeFrom(from.targets);
}
void Unite(storeapi::MetadataAnswer from, storeapi::MetadataAnswer* into) {
  storeapi::MergeMetadata(from.metadata, &into->metadata);
}
void Unite(storeapi::ExemplarsAnswer from, storeapi::ExemplarsAnswer* into) {
  std::ranges::move(from.data, std::back_inserter(into->data));
}
void Unite(storeapi::StatisticsAnswer from, storeapi::StatisticsAnswer* into) {
  storeapi::MergeStatistics(from.statistics, &into->statistics);
}

template <typename Request>
bool IsPartial(const Request& request) {
  return request.partial_response_strategy() != ::thanos::ABORT;
}

bool Contradicts(const Selector& selector, const labels::Labels& label_set) {
  return std::ranges::any_of(selector, [&](const labels::Matcher& matcher) {
    const std::string_view value = labels::Get(label_set, matcher.name());
    return !value.empty() && !matcher.Matches(value);
  });
}

// The matchers on labels that `label_set` does not have.
Selector WithoutSatisfied(const Selector& selector, const labels::Labels& label_set) {
  Selector rest;
  for (const labels::Matcher& matcher : selector) {
    if (labels::Get(label_set, matcher.name()).empty()) {
      rest.push_back(matcher);
    }
  }
  return rest;
}

// A selector must hold a matcher that refuses the empty value.
std::string SelectorText(const Selector& selector) {
  std::string text = "{";
  const bool accepts_all =
      std::ranges::all_of(selector, [](const labels::Matcher& matcher) { return matcher.MatchesEmpty(); });
  if (accepts_all) {
    text += labels::Matcher::NotEqual(std::string(labels::kMetricName), "").ToString();
  }
  for (const labels::Matcher& matcher : selector) {
    base::Append(text, text.size() > 1 ? "," : "", matcher.ToString());
  }
  return text + "}";
}

}  // namespace

std::string ExemplarQuery(const std::vector<Selector>& selectors,
                          const std::vector<labels::Labels>& label_sets) {
  std::vector<std::string> texts;
  for (const Selector& selector : selectors) {
    const bool hopeless =
        !label_sets.empty() && std::ranges::all_of(label_sets, [&](const labels::Labels& label_set) {
          return Contradicts(selector, label_set);
        });
    if (hopeless) {
      continue;
    }
    std::string text =
        SelectorText(label_sets.size() == 1 ? WithoutSatisfied(selector, label_sets[0]) : selector);
    if (std::ranges::find(texts, text) == texts.end()) {
      texts.push_back(std::move(text));
    }
  }
  return base::Join(texts, " + ");
}

FanIn::FanIn(FanInOptions options, Endpoints endpoints, concurrency::ThreadPool& pool)
    : options_(std::move(options)), endpoints_(std::move(endpoints)), pool_(pool) {}

base::Duration FanIn::EndpointTimeout(const base::CancelToken& cancel) const {
  return cancel.Remaining(options_.endpoint_timeout * 4 / 3) * 3 / 4;
}

template <typename Answer, typename Ask>
base::StatusOr<Answer> FanIn::AskAll(const base::CancelToken& cancel, bool storeapi::ServedApis::*api,
                                     bool partial_response, Ask ask) const {
  const std::shared_ptr<const fanout::ApiList> endpoints = endpoints_();
  std::vector<const fanout::ApiRef*> asked;
  for (const fanout::ApiRef& endpoint : *endpoints) {
    if (endpoint.served.*api) {
      asked.push_back(&endpoint);
    }
  }
  std::vector<base::StatusOr<Answer>> answers(asked.size());
  const base::Duration timeout = EndpointTimeout(cancel);
  concurrency::TaskGroup group(pool_, cancel);
  for (size_t i = 0; i < asked.size(); ++i) {
    group.Add([&, i](const base::CancelToken& token) {
      const fanout::ApiRef& endpoint = *asked[i];
      const base::CancelSource source(token, timeout);
      answers[i] =
          endpoint.health.ok() ? ask(source.token(), endpoint) : base::StatusOr<Answer>(endpoint.health);
      if (!answers[i].ok()) {
        answers[i] = base::Annotate(answers[i].status(), endpoint.name);
      }
      return partial_response ? base::OkStatus() : answers[i].status();
    });
  }
  // The first error, not those of the calls it cancelled.
  const base::Status failed = group.Wait();
  TH_RETURN_IF_ERROR(cancel.status());
  if (!failed.ok()) {
    return base::Aborted(base::Message(failed));
  }
  Answer united;
  for (base::StatusOr<Answer>& answer : answers) {
    if (!answer.ok()) {
      united.warnings.emplace_back(base::Message(answer.status()));
      continue;
    }
    std::ranges::move(answer->warnings, std::back_inserter(united.warnings));
    Unite(*std::move(answer), &united);
  }
  return united;
}

base::StatusOr<storeapi::RulesAnswer> FanIn::Rules(const base::CancelToken& cancel,
                                                   const ::thanos::RulesRequest& request) {
  return AskAll<storeapi::RulesAnswer>(cancel, &storeapi::ServedApis::rules, IsPartial(request),
                                       [&](const base::CancelToken& token, const fanout::ApiRef& endpoint) {
                                         return endpoint.apis->Rules(token, request);
                                       });
}

base::StatusOr<storeapi::TargetsAnswer> FanIn::Targets(const base::CancelToken& cancel,
                                                       const ::thanos::TargetsRequest& request) {
  return AskAll<storeapi::TargetsAnswer>(cancel, &storeapi::ServedApis::targets, IsPartial(request),
                                         [&](const base::CancelToken& token, const fanout::ApiRef& endpoint) {
                                           return endpoint.apis->Targets(token, request);
                                         });
}

base::StatusOr<storeapi::MetadataAnswer> FanIn::Metadata(const base::CancelToken& cancel,
                                                         const ::thanos::MetricMetadataRequest& request) {
  return AskAll<storeapi::MetadataAnswer>(
      cancel, &storeapi::ServedApis::metric_metadata, IsPartial(request),
      [&](const base::CancelToken& token, const fanout::ApiRef& endpoint) {
        return endpoint.apis->Metadata(token, request);
      });
}

base::StatusOr<storeapi::ExemplarsAnswer> FanIn::Exemplars(const base::CancelToken& cancel,
                                                           const ::thanos::ExemplarsRequest& request) {
  // Only the selectors matter, so any function may occur.
  TH_ASSIGN_OR_RETURN(
      const promql_parser::ExprPtr expr,
      promql_parser::Parse(request.query(), {.enable_experimental = true, .enable_x_functions = true}));
  std::vector<Selector> selectors;
  promql_parser::ForEachSelector(*expr, [&](promql_parser::VectorSelector& selector) {
    if (!Contradicts(selector.matchers, options_.selector_labels)) {
      selectors.push_back(WithoutSatisfied(selector.matchers, options_.selector_labels));
    }
  });
  if (selectors.empty()) {
    return storeapi::ExemplarsAnswer();
  }
  return AskAll<storeapi::ExemplarsAnswer>(
      cancel, &storeapi::ServedApis::exemplars, IsPartial(request),
      [&](const base::CancelToken& token,
          const fanout::ApiRef& endpoint) -> base::StatusOr<storeapi::ExemplarsAnswer> {
        ::thanos::ExemplarsRequest call = request;
        call.set_query(ExemplarQuery(selectors, endpoint.label_sets));
        if (call.query().empty()) {
          return storeapi::ExemplarsAnswer();
        }
        return endpoint.apis->Exemplars(token, call);
      });
}

base::StatusOr<storeapi::StatisticsAnswer> FanIn::Statistics(const base::CancelToken& cancel,
                                                             const ::thanos::TSDBStatisticsRequest& request) {
  return AskAll<storeapi::StatisticsAnswer>(
      cancel, &storeapi::ServedApis::status, IsPartial(request),
      [&](const base::CancelToken& token, const fanout::ApiRef& endpoint) {
        return endpoint.apis->Statistics(token, request);
      });
}

}  // namespace thanos::query
