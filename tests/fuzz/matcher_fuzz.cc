// Input: type byte, length byte of the pattern, pattern, value. A fast path must agree with the regex engine.
#include <cstddef>
#include <cstdint>
#include <re2/re2.h>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "labels/matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace thanos::labels;  // NOLINT(google-build-using-namespace): a fuzz target of one library
  if (size < 2) {
    return 0;
  }
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string pattern(rest.substr(0, data[1]));
  const std::string_view value = rest.substr(pattern.size());
  const bool negative = data[0] % 2 != 0;
  const auto matcher =
      Matcher::Create(negative ? MatchType::kNotRegexp : MatchType::kRegexp, "name", pattern);
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  const RE2 engine(pattern, options);
  if (!matcher.ok()) {
    return 0;
  }
  TH_CHECK(engine.ok());
  (void)matcher->ToString();
  if (!thanos::base::IsValidUtf8(value)) {
    (void)matcher->Matches(value);  // the engine's `.` does not match broken UTF-8, ours does as Go's
    return 0;
  }
  const bool want = RE2::FullMatch({value.data(), value.size()}, engine);
  TH_CHECK(matcher->Matches(value) == (want != negative));
  TH_CHECK(matcher->MatchesEmpty() == (RE2::FullMatch("", engine) != negative));
  TH_CHECK(!want || value.starts_with(matcher->prefix()));
  if (want && matcher->set_values() != nullptr) {
    bool found = false;
    for (const std::string& member : *matcher->set_values()) {
      found = found || member == value;
    }
    TH_CHECK(found);
  }
  return 0;
}
