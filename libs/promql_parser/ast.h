#pragma once

// The typed syntax tree of one PromQL expression. Nodes own their children and are immutable after parsing
// unless the holder of a non-const pointer changes them. Depth is bounded by the parser, so plain recursion
// over a tree is safe.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "labels/matcher.h"
#include "promql_parser/functions_table.h"
#include "promql_parser/value_type.h"

namespace thanos::promql_parser {

// Byte offsets into the query text, end exclusive.
struct PositionRange {
  int start = 0;
  int end = 0;
  friend bool operator==(const PositionRange&, const PositionRange&) = default;
};

enum class ExprKind : uint8_t {
  kNumberLiteral,
  kStringLiteral,
  kVectorSelector,
  kMatrixSelector,
  kSubquery,
  kUnary,
  kBinary,
  kAggregate,
  kCall,
  kParen,
};

// Base of all nodes. `kind()` decides which class it is; use As<T>() or a switch.
class Expr {
 public:
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  ExprKind kind() const { return kind_; }
  // Type of the value the node evaluates to.
  ValueType type() const { return type_; }
  // 1 for a leaf, one more than the deepest child otherwise.
  int depth() const { return depth_; }

  PositionRange position;

  template <typename T>
  const T* As() const {
    return kind_ == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
  template <typename T>
  T* As() {
    return kind_ == T::kKind ? static_cast<T*>(this) : nullptr;
  }

 protected:
  Expr(ExprKind kind, ValueType type, int depth) : kind_(kind), type_(type), depth_(depth) {}

 private:
  ExprKind kind_;
  ValueType type_;
  int depth_;
};

using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral final : Expr {
  static constexpr ExprKind kKind = ExprKind::kNumberLiteral;
  NumberLiteral(double number, bool is_duration)
      : Expr(kKind, ValueType::kScalar, 1), value(number), duration(is_duration) {}
  double value;
  bool duration;  // written as a duration ("5m" is 300), which the printer keeps
};

struct StringLiteral final : Expr {
  static constexpr ExprKind kKind = ExprKind::kStringLiteral;
  explicit StringLiteral(std::string text) : Expr(kKind, ValueType::kString, 1), value(std::move(text)) {}
  std::string value;  // escapes resolved; may hold any bytes
};

// The arithmetic of a range, subquery step or offset: [2 * step()], offset (5m + 10s). Ranges and offsets
// that are plain numbers have none.
struct DurationExpr {
  enum class Op : uint8_t { kNumber, kAdd, kSub, kMul, kDiv, kMod, kPow, kNegate, kStep, kRange, kMin, kMax };
  Op op = Op::kNumber;
  double seconds = 0;                 // kNumber
  bool is_duration = false;           // kNumber: written as a duration
  bool parenthesised = false;         // which the printer keeps
  std::unique_ptr<DurationExpr> lhs;  // null for numbers, kNegate, step() and range()
  std::unique_ptr<DurationExpr> rhs;  // null for numbers, step() and range()
  PositionRange position;
};
using DurationExprPtr = std::unique_ptr<DurationExpr>;

// `@ <timestamp>`, `@ start()`, `@ end()`.
struct AtModifier {
  enum class Kind : uint8_t { kNone, kTimestamp, kStart, kEnd };
  Kind kind = Kind::kNone;
  int64_t timestamp_ms = 0;  // kTimestamp only
  friend bool operator==(const AtModifier&, const AtModifier&) = default;
};

// How a selector looks beyond the ends of its window: `anchored` takes the last sample before it as its
// first, `smoothed` interpolates at both ends.
enum class WindowMode : uint8_t { kPlain, kAnchored, kSmoothed };

struct VectorSelector final : Expr {
  static constexpr ExprKind kKind = ExprKind::kVectorSelector;
  VectorSelector() : Expr(kKind, ValueType::kVector, 1) {}
  // The metric name written before the braces; empty when there is none. `matchers` then holds the __name__
  // equality matcher as its last element. A quoted name inside the braces is a matcher only.
  std::string name;
  std::vector<labels::Matcher> matchers;
  int64_t offset_ms = 0;        // as written; negative looks into the future
  DurationExprPtr offset_expr;  // when set, offset_ms is 0 until ResolveDurations
  AtModifier at;
  WindowMode window_mode = WindowMode::kPlain;
  // Second argument of info(): may match everything.
  bool bypass_empty_matcher_check = false;
};

// selector[range]. Offset and @ live in the vector selector.
struct MatrixSelector final : Expr {
  static constexpr ExprKind kKind = ExprKind::kMatrixSelector;
  MatrixSelector(std::unique_ptr<VectorSelector> vector_selector, int64_t range)
      : Expr(kKind, ValueType::kMatrix, 2), selector(std::move(vector_selector)), range_ms(range) {}
  std::unique_ptr<VectorSelector> selector;
  int64_t range_ms;  // positive; 0 until ResolveDurations when range_expr is set
  DurationExprPtr range_expr;
};

// expr[range:step].
struct SubqueryExpr final : Expr {
  static constexpr ExprKind kKind = ExprKind::kSubquery;
  SubqueryExpr(ExprPtr inner, int64_t range, int64_t step)
      : Expr(kKind, ValueType::kMatrix, inner->depth() + 1),
        expr(std::move(inner)),
        range_ms(range),
        step_ms(step) {}
  ExprPtr expr;
  int64_t range_ms;  // positive
  int64_t step_ms;   // 0: the default evaluation interval
  int64_t offset_ms = 0;
  // Each, when set, leaves its number above 0 until ResolveDurations.
  DurationExprPtr range_expr;
  DurationExprPtr step_expr;
  DurationExprPtr offset_expr;
  AtModifier at;
};

// Unary plus and minus over a scalar or instant vector. (Minus before a number literal is folded into the
// literal.)
struct UnaryExpr final : Expr {
  static constexpr ExprKind kKind = ExprKind::kUnary;
  UnaryExpr(bool is_minus, ExprPtr inner)
      : Expr(kKind, inner->type(), inner->depth() + 1), minus(is_minus), expr(std::move(inner)) {}
  bool minus;
  ExprPtr expr;
};

enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAnd,
  kOr,
  kUnless,
};
// "+", "==", "and", ...
std::string_view ToString(BinaryOp op);
bool IsComparison(BinaryOp op);
// and, or, unless
bool IsSetOperator(BinaryOp op);

enum class MatchCardinality : uint8_t {
  kOneToOne,
  kManyToOne,   // group_left
  kOneToMany,   // group_right
  kManyToMany,  // set operators
};

struct VectorMatching {
  MatchCardinality cardinality = MatchCardinality::kOneToOne;
  bool on = false;                   // false: ignoring(labels), also when nothing was written
  std::vector<std::string> labels;   // of on() or ignoring()
  std::vector<std::string> include;  // of group_left() or group_right()
  // Values that stand in for missing samples of a side: fill(), fill_left(), fill_right().
  std::optional<double> fill_left = {};
  std::optional<double> fill_right = {};
  friend bool operator==(const VectorMatching&, const VectorMatching&) = default;
};

struct BinaryExpr final : Expr {
  static constexpr ExprKind kKind = ExprKind::kBinary;
  BinaryExpr(BinaryOp operation, ExprPtr left, ExprPtr right);
  BinaryOp op;
  ExprPtr lhs;
  ExprPtr rhs;
  bool return_bool = false;
  // Present exactly when both sides are instant vectors.
  std::optional<VectorMatching> matching;
};

enum class AggregateOp : uint8_t {
  kSum,
  kAvg,
  kMin,
  kMax,
  kCount,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kQuantile,
  kCountValues,
  kLimitk,
  kLimitRatio,
};
// "sum", ...
std::string_view ToString(AggregateOp op);
// topk, bottomk, quantile, limitk, limit_ratio (scalar) and count_values (string).
bool HasParameter(AggregateOp op);

struct AggregateExpr final : Expr {
  static constexpr ExprKind kKind = ExprKind::kAggregate;
  AggregateExpr(AggregateOp operation, ExprPtr inner, ExprPtr parameter);
  AggregateOp op;
  ExprPtr expr;
  ExprPtr param;                      // null unless HasParameter(op)
  std::vector<std::string> grouping;  // as written
  bool without = false;               // false: by(grouping), also when nothing was written
};

struct Call final : Expr {
  static constexpr ExprKind kKind = ExprKind::kCall;
  Call(const FunctionSpec& function_spec, std::vector<ExprPtr> arguments);
  const FunctionSpec& function;  // an entry of Functions(): pointers may be compared
  std::vector<ExprPtr> args;     // counts and types are checked
};

struct ParenExpr final : Expr {
  static constexpr ExprKind kKind = ExprKind::kParen;
  explicit ParenExpr(ExprPtr inner)
      : Expr(kKind, inner->type(), inner->depth() + 1), expr(std::move(inner)) {}
  ExprPtr expr;
};

// Evaluates all duration expressions of the tree into the numbers beside them; `step_ms` and `range_ms` are
// those of the query (0 for instant queries). InvalidArgument: a range or step that is not positive, or a
// number that is not finite or too large.
base::Status ResolveDurations(Expr& root, int64_t step_ms, int64_t range_ms);
bool HasDurationExpressions(const Expr& root);

// The expression inside any number of parentheses.
const Expr& Unparen(const Expr& expr);

// The direct children, in evaluation order (a MatrixSelector's selector included, an aggregate's parameter
// after its expression).
std::vector<const Expr*> Children(const Expr& expr);

// Calls `visit` for every vector selector of the tree, those inside matrix selectors included.
void ForEachSelector(Expr& expr, const std::function<void(VectorSelector&)>& visit);

// Structural equality; positions and parentheses around equal nodes count as in the text (parentheses are
// nodes), positions do not count. NaN literals are equal to each other.
bool Equal(const Expr& a, const Expr& b);

// A deep copy.
ExprPtr Clone(const Expr& expr);

}  // namespace thanos::promql_parser
