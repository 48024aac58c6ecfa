#include "promapi/json_answer.h"

#include <rapidjson/error/en.h>
#include <utility>

#include "base/strings.h"

namespace thanos::promapi::internal {

const rapidjson::Value* FindMember(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject()) {
    return nullptr;
  }
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

base::Status BadAnswer(std::string_view path, std::string_view what) {
  return base::DataLoss("answer of ", path, ": ", what);
}

base::Status ParseAnswer(std::string_view path, std::string body, Answer* answer) {
  answer->text = std::make_shared<std::string>(std::move(body));
  // ParseInsitu needs and std::string has a terminating zero; a zero before the end is malformed JSON.
  answer->document.ParseInsitu<kParseFlags>(answer->text->data());
  if (answer->document.HasParseError()) {
    return base::DataLoss("answer of ", path, ": malformed JSON at byte ", answer->document.GetErrorOffset(),
                          ": ", rapidjson::GetParseError_En(answer->document.GetParseError()));
  }
  const rapidjson::Value* status = FindMember(answer->document, "status");
  if (status == nullptr || !status->IsString() || ViewOf(*status) != "success") {
    return BadAnswer(path, "status is not \"success\"");
  }
  answer->data = FindMember(answer->document, "data");
  return answer->data == nullptr ? BadAnswer(path, "no data") : base::OkStatus();
}

}  // namespace thanos::promapi::internal
