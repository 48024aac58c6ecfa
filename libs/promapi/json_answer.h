#pragma once

// Private: the envelope {"status":...,"data":...} of Prometheus' answers. Includes rapidjson.

#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::promapi::internal {

// Iterative parsing: nesting in the text costs heap, not stack.
inline constexpr unsigned kParseFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

inline std::string_view ViewOf(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// Null when `object` is no object or has no such member.
const rapidjson::Value* FindMember(const rapidjson::Value& object, const char* name);

// A parsed answer; strings of the document point into `text`, which is changed by parsing.
struct Answer {
  std::shared_ptr<std::string> text;
  rapidjson::Document document;
  const rapidjson::Value* data = nullptr;
};

base::Status BadAnswer(std::string_view path, std::string_view what);

// DataLoss, naming `path`, when `body` is not a successful answer with data. Iterative: nesting in the text
// costs heap, not stack.
base::Status ParseAnswer(std::string_view path, std::string body, Answer* answer);

}  // namespace thanos::promapi::internal
