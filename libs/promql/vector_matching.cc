#include "promql/vector_matching.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "labels/builder.h"
#include "promql/functions/element.h"

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

// Which steps have any sample of one side.
std::vector<uint8_t> StepsPresent(const Block& block) {
  std::vector<uint8_t> present(block.num_steps, 0);
  for (size_t series = 0; series < block.num_series(); ++series) {
    const std::span<const double> row = block.Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      present[step] |= static_cast<uint8_t>(IsPresent(row[step]));
    }
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
      }
    }
  }
  RemoveEmptySeries(block);
}

base::StatusOr<Block> ApplySetOperator(BinaryOp op, const VectorMatching& matching, Block left, Block right,
                                       SampleBudget& budget) {
  Signatures table(matching);
  if (op == BinaryOp::kOr) {
    const std::vector<uint32_t> left_signatures = table.Resolve(left.labels, false);
    const std::vector<uint32_t> right_signatures = table.Resolve(right.labels, true);
    Filter(right, right_signatures, PresentBySignature(left, left_signatures, table.size()), false);
    left.values.insert(left.values.end(), right.values.begin(), right.values.end());
    std::ranges::move(right.labels, std::back_inserter(left.labels));
    TH_RETURN_IF_ERROR(left.charge.Add(budget, static_cast<int64_t>(right.values.size())));
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

  base::StatusOr<Block> Run(SampleBudget& budget) {
    Signatures table(matching_);
    one_signatures_ = table.Resolve(one_.labels, false);
    many_signatures_ = table.Resolve(many_.labels, true);
    one_by_signature_ = SeriesBySignature(one_signatures_, table.size());
    TH_RETURN_IF_ERROR(CheckOneSide());
    TH_RETURN_IF_ERROR(Combine(budget));
    if (matching_.cardinality == MatchCardinality::kOneToOne) {
      TH_RETURN_IF_ERROR(CheckManySide(table.size()));
    }
    TH_RETURN_IF_ERROR(MergeEqualLabels(out_, out_signatures_));
    return std::move(out_);
  }

 private:
  // No two series of one signature may be present at a step on the "one" side, unless a side is empty at that
  // step.
  base::Status CheckOneSide() const {
    std::vector<uint8_t> many_steps;
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
          if (!IsPresent(row[step]) || many_steps[step] == 0) {
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
    std::vector<labels::LabelView> group;
    for (const labels::LabelView& label : one_.labels[series]) {
      if (Matched(matching_, label.name)) {
        group.push_back(label);
      }
    }
    return base::FailedPrecondition(
        "found duplicate series for the match group ", labels::ToString(group), " on the ",
        swapped_ ? "left" : "right", " hand-side of the operation: [", labels::ToString(one_.labels[series]),
        ", ", labels::ToString(one_.labels[earlier]),
        "];many-to-many matching not allowed: matching labels must be unique on one side");
  }

  base::Status Combine(SampleBudget& budget) {
    out_.num_steps = many_.num_steps;
    std::vector<double> row(out_.num_steps);
    for (uint32_t series = 0; series < many_.num_series(); ++series) {
      if (many_signatures_[series] == kNoSignature) {
        continue;
      }
      for (const uint32_t one : one_by_signature_[many_signatures_[series]]) {
        const std::span<const double> many_row = std::as_const(many_).Row(series);
        const std::span<const double> one_row = std::as_const(one_).Row(one);
        ApplyVectors(expr_.op, expr_.return_bool, swapped_ ? one_row : many_row,
                     swapped_ ? many_row : one_row, row);
        if (!AnyPresent(row)) {
          continue;
        }
        TH_RETURN_IF_ERROR(out_.charge.Add(budget, static_cast<int64_t>(row.size())));
        out_.labels.push_back(ResultLabels(many_.labels[series], one_.labels[one]));
        out_.values.insert(out_.values.end(), row.begin(), row.end());
        out_signatures_.push_back(many_signatures_[series]);
      }
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
          if (IsPresent(row[step]) && std::exchange(taken[step], uint8_t{1}) != 0) {
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
};

}  // namespace

base::StatusOr<Block> ApplyVectorOperator(const BinaryExpr& expr, Block left, Block right,
                                          SampleBudget& budget) {
  if (promql_parser::IsSetOperator(expr.op)) {
    return ApplySetOperator(expr.op, *expr.matching, std::move(left), std::move(right), budget);
  }
  return Join(expr, std::move(left), std::move(right)).Run(budget);
}

}  // namespace thanos::promql
