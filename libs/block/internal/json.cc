#include "block/internal/json.h"

#include <charconv>
#include <limits>
#include <rapidjson/error/en.h>
#include <utility>

namespace thanos::block::internal {
namespace {

constexpr int kMaxDepth = 64;

bool IsShallow(const rapidjson::Value& value, int depth) {
  if (depth > kMaxDepth) {
    return false;
  }
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      if (!IsShallow(member.value, depth + 1)) {
        return false;
      }
    }
  } else if (value.IsArray()) {
    for (const auto& item : value.GetArray()) {
      if (!IsShallow(item, depth + 1)) {
        return false;
      }
    }
  }
  return true;
}

void AppendEscape(std::string& out, unsigned code) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out.push_back(kHex[(code >> shift) & 0xf]);
  }
}

void AppendString(std::string& out, std::string_view text) {
  out.push_back('"');
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"':
      case '\\':
        out.push_back('\\');
        out.push_back(c);
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      AppendEscape(out, static_cast<unsigned char>(c));
    } else if (text.substr(i, 3) == "\xe2\x80\xa8" || text.substr(i, 3) == "\xe2\x80\xa9") {
      AppendEscape(out, text[i + 2] == '\xa8' ? 0x2028 : 0x2029);
      i += 2;
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

class Formatter {
 public:
  Formatter(std::string& out, std::string_view indent) : out_(out), indent_(indent) {}

  void Append(const rapidjson::Value& value, int depth) {
    if (value.IsObject()) {
      bool first = true;
      out_.push_back('{');
      for (const auto& member : value.GetObject()) {
        Separate(&first, depth + 1);
        AppendString(out_, ToView(member.name));
        out_ += indent_.empty() ? ":" : ": ";
        Append(member.value, depth + 1);
      }
      Close('}', first, depth);
    } else if (value.IsArray()) {
      bool first = true;
      out_.push_back('[');
      for (const auto& item : value.GetArray()) {
        Separate(&first, depth + 1);
        Append(item, depth + 1);
      }
      Close(']', first, depth);
    } else {
      AppendScalar(value);
    }
  }

 private:
  void AppendScalar(const rapidjson::Value& value) {
    if (value.IsString()) {
      AppendString(out_, ToView(value));
    } else if (value.IsBool()) {
      base::Append(out_, value.GetBool());
    } else if (value.IsInt64()) {
      base::Append(out_, value.GetInt64());
    } else if (value.IsUint64()) {
      base::Append(out_, value.GetUint64());
    } else if (value.IsDouble()) {
      char buffer[32];
      const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value.GetDouble());
      out_.append(buffer, static_cast<size_t>(end.ptr - buffer));
    } else {
      out_ += "null";
    }
  }
  void NewLine(int depth) {
    if (!indent_.empty()) {
      out_.push_back('\n');
      for (int i = 0; i < depth; ++i) {
        out_ += indent_;
      }
    }
  }
  void Separate(bool* first, int depth) {
    if (!*first) {
      out_.push_back(',');
    }
    *first = false;
    NewLine(depth);
  }
  void Close(char bracket, bool empty, int depth) {
    if (!empty) {
      NewLine(depth);
    }
    out_.push_back(bracket);
  }

  std::string& out_;
  std::string_view indent_;
};

const rapidjson::Value* Find(const rapidjson::Value& object, const char* key) {
  const auto member = object.FindMember(key);
  return member == object.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
}

base::Status WrongType(const char* key, std::string_view wanted) {
  return base::DataLoss("JSON key ", key, " is not ", wanted);
}

}  // namespace

base::Status ParseJsonObject(std::string_view text, rapidjson::Document* document) {
  document->Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                  rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
  if (document->HasParseError()) {
    return base::DataLoss("JSON: ", std::string_view(rapidjson::GetParseError_En(document->GetParseError())),
                          " At byte ", document->GetErrorOffset());
  }
  if (!document->IsObject()) {
    return base::DataLoss("JSON: not an object");
  }
  if (!IsShallow(*document, 0)) {
    return base::DataLoss("JSON: nested deeper than ", kMaxDepth, " levels");
  }
  return base::OkStatus();
}

std::string FormatJson(const rapidjson::Value& value, std::string_view indent) {
  std::string out;
  Formatter(out, indent).Append(value, 0);
  out.push_back('\n');
  return out;
}

base::Status ReadMember(const rapidjson::Value& object, const char* key, int64_t* target) {
  if (const rapidjson::Value* value = Find(object, key); value != nullptr) {
    if (!value->IsInt64()) {
      return WrongType(key, "an integer");
    }
    *target = value->GetInt64();
  }
  return base::OkStatus();
}

base::Status ReadMember(const rapidjson::Value& object, const char* key, uint64_t* target) {
  if (const rapidjson::Value* value = Find(object, key); value != nullptr) {
    if (!value->IsUint64()) {
      return WrongType(key, "an unsigned integer");
    }
    *target = value->GetUint64();
  }
  return base::OkStatus();
}

base::Status ReadMember(const rapidjson::Value& object, const char* key, int* target) {
  if (const rapidjson::Value* value = Find(object, key); value != nullptr) {
    if (!value->IsInt()) {
      return WrongType(key, "an integer");
    }
    *target = value->GetInt();
  }
  return base::OkStatus();
}

base::Status ReadMember(const rapidjson::Value& object, const char* key, bool* target) {
  if (const rapidjson::Value* value = Find(object, key); value != nullptr) {
    if (!value->IsBool()) {
      return WrongType(key, "a boolean");
    }
    *target = value->GetBool();
  }
  return base::OkStatus();
}

base::Status ReadMember(const rapidjson::Value& object, const char* key, std::string* target) {
  if (const rapidjson::Value* value = Find(object, key); value != nullptr) {
    if (!value->IsString()) {
      return WrongType(key, "a string");
    }
    *target = ToView(*value);
  }
  return base::OkStatus();
}

base::StatusOr<const rapidjson::Value*> FindObject(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = Find(object, key);
  if (value != nullptr && !value->IsObject()) {
    return WrongType(key, "an object");
  }
  return value;
}

base::StatusOr<const rapidjson::Value*> FindArray(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = Find(object, key);
  if (value != nullptr && !value->IsArray()) {
    return WrongType(key, "an array");
  }
  return value;
}

void SetMember(rapidjson::Value& object, const char* key, rapidjson::Value value,
               rapidjson::Document::AllocatorType& allocator) {
  if (object.HasMember(key)) {
    object[key] = std::move(value);
  } else {
    object.AddMember(rapidjson::Value(key, allocator), std::move(value), allocator);
  }
}

rapidjson::Value& MakeObject(rapidjson::Value& object, const char* key,
                             rapidjson::Document::AllocatorType& allocator) {
  if (!object.HasMember(key)) {
    object.AddMember(rapidjson::Value(key, allocator), rapidjson::Value(rapidjson::kObjectType), allocator);
  }
  rapidjson::Value& value = object[key];
  if (!value.IsObject()) {
    value.SetObject();
  }
  return value;
}

rapidjson::Value ToValue(std::string_view text, rapidjson::Document::AllocatorType& allocator) {
  return rapidjson::Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator);
}

}  // namespace thanos::block::internal
