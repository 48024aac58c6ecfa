#include "query/analysis.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/strings.h"
#include "labels/matcher.h"
#include "promapi/encode.h"
#include "promql_parser/printer.h"

namespace thanos::query {
namespace {

using promql_parser::Expr;
using promql_parser::ExprKind;

// Samples a chunk says it has: the first two bytes of every raw encoding are their number.
int64_t NumSamples(const series::ChunkData& chunk) {
  if (chunk.data.size() < 2) {
    return 0;
  }
  return int64_t{static_cast<unsigned char>(chunk.data[0])} * 256 + static_cast<unsigned char>(chunk.data[1]);
}

int64_t NumSamples(const series::Series& series) {
  int64_t samples = 0;
  for (const series::Chunk& chunk : series.chunks) {
    if (chunk.aggregates == nullptr) {
      samples += NumSamples(chunk.raw);
      continue;
    }
    for (const series::ChunkData& aggregate : *chunk.aggregates) {
      samples += NumSamples(aggregate);
    }
  }
  return samples;
}

class RecordedSet final : public series::SeriesSet {
 public:
  RecordedSet(std::unique_ptr<series::SeriesSet> inner, std::string matchers, SelectionLog& log)
      : inner_(std::move(inner)), log_(log) {
    entry_.matchers = std::move(matchers);
  }
  ~RecordedSet() override { log_.Add(std::move(entry_)); }

  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    const base::TimePoint start = base::SteadyNow();
    base::StatusOr<bool> more = inner_->Next(cancel, batch);
    entry_.duration += base::SteadyNow() - start;
    for (const series::Series& series : batch->series) {
      ++entry_.series;
      entry_.samples += NumSamples(series);
    }
    return more;
  }

 private:
  const std::unique_ptr<series::SeriesSet> inner_;
  SelectionLog& log_;
  SelectionLog::Entry entry_;
};

class RecordingStore final : public storeapi::Store {
 public:
  RecordingStore(storeapi::Store& store, SelectionLog& log) : store_(store), log_(log) {}
  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                            const storeapi::SeriesRequest& request) override {
    TH_ASSIGN_OR_RETURN(std::unique_ptr<series::SeriesSet> set, store_.Series(cancel, request));
    return std::make_unique<RecordedSet>(std::move(set), labels::ToString(request.matchers), log_);
  }
  base::StatusOr<storeapi::LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                      const storeapi::LabelNamesRequest& request) override {
    return store_.LabelNames(cancel, request);
  }
  base::StatusOr<storeapi::LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                                       const storeapi::LabelValuesRequest& request) override {
    return store_.LabelValues(cancel, request);
  }
  base::StatusOr<storeapi::StoreInfo> Info() override { return store_.Info(); }

 private:
  storeapi::Store& store_;
  SelectionLog& log_;
};

std::string AggregateName(const promql_parser::AggregateExpr& aggregate) {
  std::string name = base::Concat("[aggregate] ", promql_parser::ToString(aggregate.op));
  if (aggregate.without || !aggregate.grouping.empty()) {
    base::Append(name, aggregate.without ? " without ([" : " by ([", base::Join(aggregate.grouping, " "),
                 "])");
  }
  return name;
}

std::string NameOf(const Expr& expr) {
  switch (expr.kind()) {
    case ExprKind::kNumberLiteral:
      return base::Concat("[numberLiteral] ", promql_parser::Print(expr));
    case ExprKind::kStringLiteral:
      return base::Concat("[stringLiteral] ", promql_parser::Print(expr));
    case ExprKind::kVectorSelector:
      return base::Concat("[vectorSelector] ",
                          labels::ToString(expr.As<promql_parser::VectorSelector>()->matchers));
    case ExprKind::kMatrixSelector:
      return base::Concat("[matrixSelector] ", promql_parser::Print(expr));
    case ExprKind::kSubquery:
      return "[subquery]";
    case ExprKind::kUnary:
      return expr.As<promql_parser::UnaryExpr>()->minus ? "[unaryNegate]" : "[unaryPlus]";
    case ExprKind::kBinary: {
      const auto& binary = *expr.As<promql_parser::BinaryExpr>();
      return base::Concat(binary.matching.has_value() ? "[vectorBinary] " : "[vectorScalarBinary] ",
                          promql_parser::ToString(binary.op));
    }
    case ExprKind::kAggregate:
      return AggregateName(*expr.As<promql_parser::AggregateExpr>());
    case ExprKind::kCall:
      return base::Concat("[function] ", expr.As<promql_parser::Call>()->function.name);
    case ExprKind::kParen:
      break;  // no operator of its own
  }
  return "";
}

// As Go writes durations, to the microsecond.
std::string DurationText(base::Duration duration) {
  const double us = base::ToSeconds(duration) * 1e6;
  char buffer[64];
  if (us < 1e3) {
    std::snprintf(buffer, sizeof(buffer), "%.0fµs", us);
  } else if (us < 1e6) {
    std::snprintf(buffer, sizeof(buffer), "%.3fms", us / 1e3);
  } else {
    std::snprintf(buffer, sizeof(buffer), "%.6fs", us / 1e6);
  }
  return buffer;
}

// What is known of one operator and those below it.
struct Cost {
  base::Duration duration{};
  int64_t samples = 0;
};

class Encoder {
 public:
  explicit Encoder(std::vector<SelectionLog::Entry> selections) : selections_(std::move(selections)) {}

  // The node and its children; `own` replaces what is known from below.
  std::string Encode(const Expr& expr, const Cost* own, int64_t peak_samples, Cost* total) {
    const Expr& node = promql_parser::Unparen(expr);
    Cost below;
    std::string children;
    const promql_parser::VectorSelector* const selector = SelectorOf(node);
    if (selector != nullptr) {
      below = TakeSelection(labels::ToString(selector->matchers));
    } else {
      for (const Expr* const child : promql_parser::Children(node)) {
        children += children.empty() ? "" : ",";
        children += Encode(*child, nullptr, 0, &below);
      }
    }
    if (total != nullptr) {
      total->duration += below.duration;
      total->samples += below.samples;
    }
    const Cost& shown = own == nullptr ? below : *own;
    std::string out = "{\"name\":";
    promapi::AppendJsonString(out, NameOf(node));
    if (shown.duration > base::Duration::zero()) {
      base::Append(out, ",\"executionTime\":\"", DurationText(shown.duration), "\"");
    }
    if (peak_samples > 0) {
      base::Append(out, ",\"peakSamples\":", peak_samples);
    }
    if (shown.samples > 0) {
      base::Append(out, ",\"totalSamples\":", shown.samples);
    }
    if (!children.empty()) {
      base::Append(out, ",\"children\":[", children, "]");
    }
    return out + "}";
  }

 private:
  // A range is read with its selector.
  static const promql_parser::VectorSelector* SelectorOf(const Expr& node) {
    if (const auto* const matrix = node.As<promql_parser::MatrixSelector>()) {
      return matrix->selector.get();
    }
    return node.As<promql_parser::VectorSelector>();
  }
  // Equal selectors take the entries in turns.
  Cost TakeSelection(const std::string& matchers) {
    const auto found = std::ranges::find(selections_, matchers, &SelectionLog::Entry::matchers);
    if (found == selections_.end()) {
      return {};
    }
    const Cost cost{.duration = found->duration, .samples = found->samples};
    selections_.erase(found);
    return cost;
  }

  std::vector<SelectionLog::Entry> selections_;
};

}  // namespace

void SelectionLog::Add(Entry entry) {
  base::MutexLock lock(mutex_);
  entries_.push_back(std::move(entry));
}

std::vector<SelectionLog::Entry> SelectionLog::Take() {
  base::MutexLock lock(mutex_);
  return std::exchange(entries_, {});
}

std::unique_ptr<storeapi::Store> RecordSelections(storeapi::Store& store, SelectionLog& log) {
  return std::make_unique<RecordingStore>(store, log);
}

std::string EncodeExplanation(const Expr& expr) {
  return Encoder({}).Encode(expr, nullptr, 0, nullptr);
}

std::string EncodeAnalysis(const Expr& expr, std::vector<SelectionLog::Entry> selections,
                           const promql::QueryStats& stats, base::Duration duration) {
  const Cost whole{.duration = duration, .samples = stats.total_queryable_samples};
  return Encoder(std::move(selections)).Encode(expr, &whole, stats.peak_samples, nullptr);
}

}  // namespace thanos::query
