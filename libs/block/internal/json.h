#pragma once

// The JSON of meta.json and markers, formatted like Go's encoding/json. For .cc files of this library only:
// it exposes rapidjson.

#include <cstdint>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::block::internal {

// One document whose root is an object. DataLoss with the position for malformed text, more than 64 levels or
// anything behind the object.
base::Status ParseJsonObject(std::string_view text, rapidjson::Document* document);

// Like Go: HTML characters escaped, `indent` per level ("" is compact), a newline at the end.
std::string FormatJson(const rapidjson::Value& value, std::string_view indent);

// Typed members. Absent or null members leave `target` alone; another type is DataLoss naming the key.
base::Status ReadMember(const rapidjson::Value& object, const char* key, int64_t* target);
base::Status ReadMember(const rapidjson::Value& object, const char* key, uint64_t* target);
base::Status ReadMember(const rapidjson::Value& object, const char* key, int* target);
base::Status ReadMember(const rapidjson::Value& object, const char* key, bool* target);
base::Status ReadMember(const rapidjson::Value& object, const char* key, std::string* target);
// Null when absent or null; DataLoss when it has another type.
base::StatusOr<const rapidjson::Value*> FindObject(const rapidjson::Value& object, const char* key);
base::StatusOr<const rapidjson::Value*> FindArray(const rapidjson::Value& object, const char* key);

// Replaces or appends a member.
void SetMember(rapidjson::Value& object, const char* key, rapidjson::Value value,
               rapidjson::Document::AllocatorType& allocator);
// The member object `key`, made when there is none.
rapidjson::Value& MakeObject(rapidjson::Value& object, const char* key,
                             rapidjson::Document::AllocatorType& allocator);

inline std::string_view ToView(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}
rapidjson::Value ToValue(std::string_view text, rapidjson::Document::AllocatorType& allocator);

}  // namespace thanos::block::internal
