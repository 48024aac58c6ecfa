#pragma once

// The four value types of PromQL.

#include <cstdint>
#include <string_view>

namespace thanos::promql_parser {

enum class ValueType : uint8_t { kNone, kScalar, kVector, kMatrix, kString };

// "scalar", "vector", "matrix", "string", "none": the words of the HTTP API's resultType.
std::string_view ToString(ValueType type);
// "scalar", "instant vector", "range vector", "string": the words of error messages.
std::string_view Documented(ValueType type);

}  // namespace thanos::promql_parser
