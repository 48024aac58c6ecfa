#include "promql/vector_matching.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "labels/builder.h"
#include "promql/functions/element.h"
#include "promql/histogram/element.h"

namespace thanos::promql {
namespace {

using promql_parser::BinaryExpr;
using promql_parser::BinaryOp;
using promql_parser::MatchCardinality;
using promql_parser::VectorMatching;

constexpr uint32_t kNoSignature = UINT32_MAX;

// True when `name` takes part in the signature of the match.
bool Matched(const VectorMatching& matching, std::string_view name) {
  const bool listed = std::ranges::find(matching.labels, name) != matching.labels.end();
  return matching.on ? listed : !listed && name != labels::kMetricName;
}

// Numbers the distinct signatures of both sides.
class Signatures {
 public:
  explicit Signatures(const VectorMatching& matching) : matching_(matching) {}

  // The signature of each series; with `known_only`, kNoSignature for those nobody had before.
  std::vector<uint32_t> Resolve(const std::vector<labels::Labels>& series, bool known_only) {
    std::vector<uint32_t> out;
    out.reserve(series.size());
    for (const labels::Labels& labels : series) {
      key_.clear();
      for (const labels::LabelView& label : labels) {
        if (Matched(matching_, label.name)) {
          key_.append(label.name).push_back('\xff');
          key_.append(label.value).push_back('\xff');
        }
      }
      const auto it = ids_.find(std::string_view(key_));
      if (it != ids_.end()) {
        out.push_back(it->second);
      } else if (known_only) {
        out.push_back(kNoSignature);
      } else {
        out.push_back(static_cast<uint32_t>(ids_.size()));
        ids_.emplace(key_, out.back());
      }
    }
    return out;
  }
  size_t size() const { return ids_.size(); }

 private:
  const VectorMatching& matching_;
  base::StringMap<uint32_t> ids_;
  std::string key_;
};

std::vector<std::vector<uint32_t>> SeriesBySignature(const std::vector<uint32_t>& signatures, size_t count) {
  std::vector<std::vector<uint32_t>> out(count);
  for (uint32_t series = 0; series < signatures.size(); ++series) {
    if (signatures[series] != kNoSignature) {
      out[signatures[series]].push_back(series);
    }
  }
  return out;
}

void AddHistogramSteps(std::span<const HistogramPtr> histograms, std::vector<uint8_t>& present) {
  for (size_t step = 0; step < histograms.size(); ++step) {
    present[step] |= static_cast<uint8_t>(histograms[step] != nullptr);
  }
}

// Which steps have any sample of one side.
std::vector<uint8_t> StepsPresent(const Block& block) {
  std::vector<uint8_t> present(block.num_steps, 0);
  for (size_t series = 0; series < block.num_series(); ++series) {
    const std::span<const double> row = block.Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      present[step] |= static_cast<uint8_t>(IsPresent(row[step]));
    }
    AddHistogramSteps(block.Histograms(series), present);
  }
  return present;
}

// Which steps have a sample of each signature.
std::vector<std::vector<uint8_t>> PresentBySignature(const Block& block,
                                                     const std::vector<uint32_t>& signatures, size_t count) {
  std::vector<std::vector<uint8_t>> present(count);
  for (uint32_t series = 0; series < block.num_series(); ++series) {
    if (signatures[series] == kNoSignature) {
      continue;
    }
    std::vector<uint8_t>& steps = present[signatures[series]];
    steps.resize(block.num_steps, 0);
    const std::span<const double> row = block.Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      steps[step] |= static_cast<uint8_t>(IsPresent(row[step]));
    }
    AddHistogramSteps(block.Histograms(series), steps);
  }
  return present;
}

// Drops the samples of `block` at steps where its signature is (or is not, for `keep_present` false) present
// elsewhere.
void Filter(Block& block, const std::vector<uint32_t>& signatures,
            const std::vector<std::vector<uint8_t>>& present, bool keep_present) {
  for (uint32_t series = 0; series < block.num_series(); ++series) {
    const std::vector<uint8_t>* steps =
        signatures[series] == kNoSignature ? nullptr : &present[signatures[series]];
    const bool known = steps != nullptr && !steps->empty();
    const std::span<double> row = block.Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      if ((known && (*steps)[step] != 0) != keep_present) {
        row[step] = kAbsent;
        if (!block.Histograms(series).empty()) {
          block.histograms[series][step] = nullptr;
        }
      }
    }
  }
  RemoveEmptySeries(block);
}

// The rows of `right` after those of `left`.
base::Status AppendRows(Block& left, Block right, SampleBudget& budget) {
  TH_RETURN_IF_ERROR(left.charge.Add(budget, static_cast<int64_t>(right.values.size())));
  for (size_t series = 0; series < right.num_series(); ++series) {
    left.SetNameDropped(left.num_series() + series, right.NameDropped(series));
    left.SetHistograms(left.num_series() + series, right.TakeHistograms(series));
  }
  left.values.insert(left.values.end(), right.values.begin(), right.values.end());
  std::ranges::move(right.labels, std::back_inserter(left.labels));
  return base::OkStatus();
}

base::StatusOr<Block> ApplySetOperator(BinaryOp op, const VectorMatching& matching, Block left, Block right,
                                       SampleBudget& budget) {
  Signatures table(matching);
  if (op == BinaryOp::kOr) {
    const std::vector<uint32_t> left_signatures = table.Resolve(left.labels, false);
    const std::vector<uint32_t> right_signatures = table.Resolve(right.labels, true);
    Filter(right, right_signatures, PresentBySignature(left, left_signatures, table.size()), false);
    TH_RETURN_IF_ERROR(AppendRows(left, std::move(right), budget));
    TH_RETURN_IF_ERROR(MergeEqualLabels(left));
    return left;
  }
  const std::vector<uint32_t> right_signatures = table.Resolve(right.labels, false);
  const std::vector<uint32_t> left_signatures = table.Resolve(left.labels, true);
  Filter(left, left_signatures, PresentBySignature(right, right_signatures, table.size()),
         op == BinaryOp::kAnd);
  TH_RETURN_IF_ERROR(MergeEqualLabels(left));
  return left;
}

// One arithmetic or comparison operator with its two sides in the roles "many" and "one".
class Join {
 public:
  Join(const BinaryExpr& expr, Block left, Block right)
      : expr_(expr),
        matching_(*expr.matching),
        swapped_(matching_.cardinality == MatchCardinality::kOneToMany),
        many_(swapped_ ? std::move(right) : std::move(left)),
        one_(swapped_ ? std::move(left) : std::move(right)) {}

  base::StatusOr<Block> Run(const EvaluationScope& scope) {
    Signatures table(matching_);
    one_signatures_ = table.Resolve(one_.labels, false);
    many_signatures_ = table.Resolve(many_.labels, !HasFill());
    one_by_signature_ = SeriesBySignature(one_signatures_, table.size());
    out_.num_steps = many_.num_steps;
    TH_RETURN_IF_ERROR(CheckOneSide());
    TH_RETURN_IF_ERROR(Combine(scope));
    // Whatever group_left and group_right say, fill_right stands in for the "one" side.
    if (matching_.fill_right.has_value()) {
      TH_RETURN_IF_ERROR(FillOneSide(*matching_.fill_right, table.size(), scope));
    }
    if (matching_.fill_left.has_value()) {
      TH_RETURN_IF_ERROR(FillManySide(*matching_.fill_left, table.size(), scope));
    }
    if (scope.delayed_name_removal && expr_.return_bool) {
      DropNames(out_, true);
    }
    if (matching_.cardinality == MatchCardinality::kOneToOne) {
      TH_RETURN_IF_ERROR(CheckManySide(table.size()));
    }
    TH_RETURN_IF_ERROR(MergeEqualLabels(out_, out_signatures_));
    return std::move(out_);
  }

 private:
  bool HasFill() const { return matching_.fill_left.has_value() || matching_.fill_right.has_value(); }

  // No two series of one signature may be present at a step on the "one" side, unless a side is empty at that
  // step and nothing stands in for it.
  base::Status CheckOneSide() const {
    std::vector<uint8_t> many_steps(HasFill() ? out_.num_steps : 0, 1);
    for (const std::vector<uint32_t>& group : one_by_signature_) {
      if (group.size() < 2) {
        continue;
      }
      if (many_steps.empty()) {
        many_steps = StepsPresent(many_);
      }
      std::vector<uint32_t> owner(one_.num_steps, kNoSignature);
      for (const uint32_t series : group) {
        const std::span<const double> row = one_.Row(series);
        for (size_t step = 0; step < row.size(); ++step) {
          if (!one_.HasSample(series, step) || many_steps[step] == 0) {
            continue;
          }
          if (owner[step] != kNoSignature) {
            return DuplicateError(series, owner[step]);
          }
          owner[step] = series;
        }
      }
    }
    return base::OkStatus();
  }

  base::Status DuplicateError(uint32_t series, uint32_t earlier) const {
    const std::vector<labels::LabelView> group = MatchedLabels(one_.labels[series]);
    return base::FailedPrecondition(
        "found duplicate series for the match group ", labels::ToString(group), " on the ",
        swapped_ ? "left" : "right", " hand-side of the operation: [", labels::ToString(one_.labels[series]),
        ", ", labels::ToString(one_.labels[earlier]),
        "];many-to-many matching not allowed: matching labels must be unique on one side");
  }

  base::Status Combine(const EvaluationScope& scope) {
    for (uint32_t series = 0; series < many_.num_series(); ++series) {
      TH_RETURN_IF_ERROR(scope.cancel.status());
      if (many_signatures_[series] == kNoSignature) {
        continue;
      }
      for (const uint32_t one : one_by_signature_[many_signatures_[series]]) {
        TH_RETURN_IF_ERROR(AddResult(many_.labels[series], OperandOf(many_, series), one_.labels[one],
                                     OperandOf(one_, one), many_signatures_[series], scope));
      }
    }
    return base::OkStatus();
  }

  base::Status AddResult(labels::LabelSpan many, const OperandRow& many_row, labels::LabelSpan one,
                         const OperandRow& one_row, uint32_t signature, const EvaluationScope& scope) {
    const OperandRow& left = swapped_ ? one_row : many_row;
    const OperandRow& right = swapped_ ? many_row : one_row;
    row_.resize(out_.num_steps);
    ApplyVectors(expr_.op, expr_.return_bool, left.values, right.values, row_);
    HistogramRow histograms;
    if (!left.histograms.empty() || !right.histograms.empty()) {
      histograms.resize(out_.num_steps);
      ApplyHistogramOperator(expr_.op, expr_.return_bool, left, right, row_, histograms, scope.annotations,
                             expr_.position.start);
      if (!AnyPresent(histograms)) {
        histograms.clear();
      }
    }
    if (!AnyPresent(row_) && histograms.empty()) {
      return base::OkStatus();
    }
    if (!histograms.empty()) [[unlikely]] {
      TH_RETURN_IF_ERROR(out_.charge.Add(scope.budget, SampleWeight(histograms)));
      out_.SetHistograms(out_.num_series(), std::move(histograms));
    }
    TH_RETURN_IF_ERROR(out_.charge.Add(scope.budget, static_cast<int64_t>(row_.size())));
    out_.labels.push_back(ResultLabels(many, one));
    out_.values.insert(out_.values.end(), row_.begin(), row_.end());
    out_signatures_.push_back(signature);
    return base::OkStatus();
  }

  std::vector<labels::LabelView> MatchedLabels(labels::LabelSpan labels) const {
    std::vector<labels::LabelView> matched;
    for (const labels::LabelView& label : labels) {
      if (Matched(matching_, label.name)) {
        matched.push_back(label);
      }
    }
    return matched;
  }

  // `value` at the steps where `row` has a sample and `others`, the steps of the other side, have none.
  static std::vector<double> FillRow(const OperandRow& row, const std::vector<uint8_t>& others,
                                     double value) {
    std::vector<double> filled(row.values.size(), kAbsent);
    for (size_t step = 0; step < filled.size(); ++step) {
      if (row.Has(step) && (others.empty() || others[step] == 0)) {
        filled[step] = value;
      }
    }
    return filled;
  }

  base::Status FillOneSide(double value, size_t num_signatures, const EvaluationScope& scope) {
    const std::vector<std::vector<uint8_t>> present =
        PresentBySignature(one_, one_signatures_, num_signatures);
    for (uint32_t series = 0; series < many_.num_series(); ++series) {
      TH_RETURN_IF_ERROR(scope.cancel.status());
      const OperandRow row = OperandOf(many_, series);
      const uint32_t signature = many_signatures_[series];
      const std::vector<double> filled = FillRow(row, present[signature], value);
      TH_RETURN_IF_ERROR(AddResult(many_.labels[series], row, MatchedLabels(many_.labels[series]),
                                   {filled, {}}, signature, scope));
    }
    return base::OkStatus();
  }

  base::Status FillManySide(double value, size_t num_signatures, const EvaluationScope& scope) {
    const std::vector<std::vector<uint8_t>> present =
        PresentBySignature(many_, many_signatures_, num_signatures);
    for (uint32_t series = 0; series < one_.num_series(); ++series) {
      TH_RETURN_IF_ERROR(scope.cancel.status());
      const OperandRow row = OperandOf(one_, series);
      const uint32_t signature = one_signatures_[series];
      const std::vector<double> filled = FillRow(row, present[signature], value);
      TH_RETURN_IF_ERROR(AddResult(MatchedLabels(one_.labels[series]), {filled, {}}, one_.labels[series], row,
                                   signature, scope));
    }
    return base::OkStatus();
  }

  labels::Labels ResultLabels(labels::LabelSpan many, labels::LabelSpan one) {
    builder_.Reset(many);
    if (!promql_parser::IsComparison(expr_.op) || expr_.return_bool) {
      for (const labels::LabelView& label : many) {
        if (IsReserved(label.name)) {
          builder_.Delete(label.name);
        }
      }
    }
    if (matching_.cardinality == MatchCardinality::kOneToOne) {
      if (matching_.on) {
        builder_.Keep(std::vector<std::string_view>(matching_.labels.begin(), matching_.labels.end()));
      } else {
        for (const std::string& name : matching_.labels) {
          builder_.Delete(name);
        }
      }
    }
    for (const std::string& name : matching_.include) {
      builder_.Set(name, labels::Get(one, name));
    }
    return builder_.Build();
  }

  // One-to-one: at a step, at most one result per signature.
  base::Status CheckManySide(size_t num_signatures) const {
    for (const std::vector<uint32_t>& group : SeriesBySignature(out_signatures_, num_signatures)) {
      if (group.size() < 2) {
        continue;
      }
      std::vector<uint8_t> taken(out_.num_steps, 0);
      for (const uint32_t series : group) {
        const std::span<const double> row = out_.Row(series);
        for (size_t step = 0; step < row.size(); ++step) {
          if (out_.HasSample(series, step) && std::exchange(taken[step], uint8_t{1}) != 0) {
            return base::FailedPrecondition(
                "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)");
          }
        }
      }
    }
    return base::OkStatus();
  }

  const BinaryExpr& expr_;
  const VectorMatching& matching_;
  const bool swapped_;  // the "one" side is the left one
  Block many_;
  Block one_;
  std::vector<uint32_t> many_signatures_;
  std::vector<uint32_t> one_signatures_;
  std::vector<std::vector<uint32_t>> one_by_signature_;
  Block out_;
  std::vector<uint32_t> out_signatures_;
  labels::LabelBuilder builder_;
  std::vector<double> row_;
};

}  // namespace

base::StatusOr<Block> ApplyVectorOperator(const BinaryExpr& expr, Block left, Block right,
                                          const EvaluationScope& scope) {
  if (promql_parser::IsSetOperator(expr.op)) {
    return ApplySetOperator(expr.op, *expr.matching, std::move(left), std::move(right), scope.budget);
  }
  return Join(expr, std::move(left), std::move(right)).Run(scope);
}

}  // namespace thanos::promql
