#include "base/check.h"
#include "config/units.h"
#include "config/yaml.h"

namespace thanos::config {
namespace {

template <typename T, typename Field>
base::Status Assign(base::StatusOr<T> value, Field* target) {
  if (value.ok()) {
    *target = *std::move(value);
    return base::OkStatus();
  }
  return value.status();
}

base::StatusOr<base::Duration> ToDuration(const YamlNode& node) {
  TH_ASSIGN_OR_RETURN(const std::string text, YamlToString(node));
  if (auto duration = ParsePromDuration(text); duration.ok()) {
    return duration;
  }
  return ParseExtDuration(text);
}

}  // namespace

YamlMap::YamlMap(const YamlNode& node, std::string path)
    : node_(&node), path_(std::move(path)), taken_(node.entries.size(), false) {
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) {
    error_ = base::InvalidArgument("line ", node.line, ": ", path_.empty() ? "the document" : path_,
                                   ": expected a map");
  }
}

std::string YamlMap::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : base::Concat(path_, ".", key);
}

bool YamlMap::Has(std::string_view key) const {
  const YamlNode* value = node_->Find(key);
  return value != nullptr && value->kind != YamlNode::Kind::kNull;
}

const YamlNode* YamlMap::Node(std::string_view key) {
  for (size_t i = 0; i < node_->entries.size(); ++i) {
    if (node_->entries[i].key == key) {
      taken_[i] = true;
      return &node_->entries[i].value;
    }
  }
  return nullptr;
}

const YamlNode* YamlMap::Take(std::string_view key) {
  const YamlNode* value = Node(key);
  return value == nullptr || value->kind == YamlNode::Kind::kNull ? nullptr : value;
}

void YamlMap::Ignore(std::string_view key) {
  Node(key);
}

void YamlMap::IgnoreRest() {
  taken_.assign(taken_.size(), true);
}

void YamlMap::Keep(const YamlNode& node, std::string_view key, const base::Status& status) {
  if (error_.ok()) {
    error_ = base::Annotate(status, "line ", node.line, ": ", PathOf(key));
  }
}

void YamlMap::Fail(std::string_view key, std::string_view what) {
  const YamlNode* value = node_->Find(key);
  Keep(value == nullptr ? *node_ : *value, key, base::InvalidArgument(what));
}

void YamlMap::Read(std::string_view key, std::string* target) {
  if (const YamlNode* value = Take(key); value != nullptr) {
    Keep(*value, key, Assign(YamlToString(*value), target));
  }
}

void YamlMap::Read(std::string_view key, bool* target) {
  if (const YamlNode* value = Take(key); value != nullptr) {
    Keep(*value, key, Assign(YamlToBool(*value), target));
  }
}

void YamlMap::Read(std::string_view key, int64_t* target) {
  if (const YamlNode* value = Take(key); value != nullptr) {
    Keep(*value, key, Assign(YamlToInt(*value), target));
  }
}

void YamlMap::Read(std::string_view key, double* target) {
  if (const YamlNode* value = Take(key); value != nullptr) {
    const auto number = value->kind == YamlNode::Kind::kScalar && !value->quoted
                            ? base::ParseDouble(value->scalar)
                            : std::nullopt;
    if (!number.has_value()) {
      Keep(*value, key, base::InvalidArgument("expected a number"));
      return;
    }
    *target = *number;
  }
}

void YamlMap::Read(std::string_view key, base::Duration* target) {
  if (const YamlNode* value = Take(key); value != nullptr) {
    Keep(*value, key, Assign(ToDuration(*value), target));
  }
}

void YamlMap::Read(std::string_view key, ByteSize* target) {
  if (const YamlNode* value = Take(key); value != nullptr) {
    const auto text = YamlToString(*value);
    Keep(*value, key, text.ok() ? Assign(ParseByteSize(*text), &target->value) : text.status());
  }
}

void YamlMap::Read(std::string_view key, std::vector<std::string>* target) {
  const YamlNode* value = Take(key);
  if (value == nullptr) {
    return;
  }
  if (value->kind != YamlNode::Kind::kSequence) {
    Keep(*value, key, base::InvalidArgument("expected a list of strings"));
    return;
  }
  target->clear();
  for (const YamlNode& item : value->items) {
    Keep(item, key, Assign(YamlToString(item), &target->emplace_back()));
  }
}

void YamlMap::Read(std::string_view key, std::vector<std::pair<std::string, std::string>>* target) {
  const YamlNode* value = Take(key);
  if (value == nullptr) {
    return;
  }
  if (value->kind != YamlNode::Kind::kMap) {
    Keep(*value, key, base::InvalidArgument("expected a map of strings"));
    return;
  }
  target->clear();
  for (const auto& [name, item] : value->entries) {
    target->emplace_back(name, "");
    Keep(item, key, Assign(YamlToString(item), &target->back().second));
  }
}

void YamlMap::ReadMap(std::string_view key, const std::function<void(YamlMap&)>& read) {
  const YamlNode* value = Take(key);
  if (value == nullptr) {
    return;
  }
  YamlMap map(*value, PathOf(key));
  read(map);
  if (const base::Status status = map.Finish(); error_.ok()) {
    error_ = status;
  }
}

void YamlMap::ReadMaps(std::string_view key, const std::function<void(YamlMap&)>& read) {
  const YamlNode* value = Take(key);
  if (value == nullptr) {
    return;
  }
  if (value->kind != YamlNode::Kind::kSequence) {
    Keep(*value, key, base::InvalidArgument("expected a list"));
    return;
  }
  for (size_t i = 0; i < value->items.size(); ++i) {
    YamlMap map(value->items[i], base::Concat(PathOf(key), "[", i, "]"));
    read(map);
    if (const base::Status status = map.Finish(); error_.ok()) {
      error_ = status;
    }
  }
}

base::Status YamlMap::Finish() {
  for (size_t i = 0; error_.ok() && i < taken_.size(); ++i) {
    if (!taken_[i]) {
      const auto& [key, value] = node_->entries[i];
      error_ = base::InvalidArgument("line ", value.line, ": unknown key ", base::Quote(PathOf(key)));
    }
  }
  return error_;
}

}  // namespace thanos::config
