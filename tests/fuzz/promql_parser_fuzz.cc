// Any bytes as a query: parsing ends without a crash, and what parses survives printing and parsing again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "promql_parser/parser.h"
#include "promql_parser/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace parser = thanos::promql_parser;
  const parser::ParserOptions options{.enable_experimental = true,
                                      .enable_x_functions = true,
                                      .enable_duration_expressions = true,
                                      .enable_extended_range_selectors = true,
                                      .enable_fill_modifiers = true,
                                      .max_depth = 200};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parser::ParseMetricSelector(text);
  const auto parsed = parser::Parse(text, options);
  if (!parsed.ok()) {
    return 0;
  }
  (void)parser::ResolveDurations(*parser::Clone(**parsed), 15'000, 3'600'000);
  for (const std::string& printed : {parser::Print(**parsed), parser::Format(**parsed)}) {
    const auto again = parser::Parse(printed, options);
    if (!again.ok() || !parser::Equal(**parsed, **again)) {
      std::abort();
    }
  }
  return 0;
}
