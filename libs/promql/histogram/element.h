#pragma once

// What steps of one sample each do to native histograms: operators with a scalar, unary minus, and the
// functions that turn a histogram into a number. All others remove histograms.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "promql/annotations.h"
#include "promql/functions/element.h"
#include "promql/histogram/column.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

struct HistogramStep {
  enum class Kind : uint8_t { kDrop, kKeep, kNegate, kScalarOperator, kMeasure };
  enum class Measure : uint8_t { kCount, kSum, kAverage, kStddev, kStdvar };

  Kind kind = Kind::kDrop;
  promql_parser::BinaryOp op = promql_parser::BinaryOp::kAdd;  // kScalarOperator
  bool scalar_on_left = false;                                 // kScalarOperator
  Measure measure = Measure::kCount;                           // kMeasure
  int position = kNoPosition;                                  // of annotations
};

// The float kernel of those functions: they do not look at floats.
void RemoveFloatsKernel(const ElementInput& input);

// The measure of histogram_count, _sum, _avg, _stddev and _stdvar; none for other functions.
std::optional<HistogramStep::Measure> FindHistogramMeasure(std::string_view function);

// Rewrites `histograms`, whose entries may become null, and `values` where a histogram becomes a number. The
// float kernel has been applied to `values` before. The row becomes empty when no histogram is left.
void ApplyHistogramStep(const HistogramStep& step, std::span<const std::vector<double>> scalars,
                        std::span<double> values, HistogramRow& histograms, Annotations& annotations);

// The vector operator where a side has histograms: sets out[i] and out_histograms[i] for all steps with a
// histogram on a side and leaves the others alone. Rows may be empty, apart from `out_histograms`, which is
// of the length of `out` and null.
struct OperandRow {
  std::span<const double> values;
  std::span<const HistogramPtr> histograms;

  bool Has(size_t step) const { return IsPresent(values[step]) || HistogramAt(histograms, step) != nullptr; }
};
inline OperandRow OperandOf(const Block& block, size_t series) {
  return {block.Row(series), block.Histograms(series)};
}
void ApplyHistogramOperator(promql_parser::BinaryOp op, bool return_bool, const OperandRow& left,
                            const OperandRow& right, std::span<double> out, HistogramRow& out_histograms,
                            Annotations& annotations, int position);

}  // namespace thanos::promql
