#include "config/yaml.h"

#include <exception>

#include <yaml-cpp/yaml.h>

namespace thanos::config {
namespace {

constexpr int kMaxDepth = 100;
constexpr int kMaxNodes = 1'000'000;
constexpr size_t kMaxTextBytes = size_t{64} << 20;

int LineOf(const YAML::Node& node) {
  return node.Mark().line + 1;
}

// Copies yaml-cpp's graph into a plain tree; aliases are expanded, within the limits.
class Converter {
 public:
  base::Status Convert(const YAML::Node& from, int depth, YamlNode* to) {
    if (depth > kMaxDepth) {
      return base::InvalidArgument("line ", LineOf(from), ": nested deeper than ", kMaxDepth, " levels");
    }
    if (++num_nodes_ > kMaxNodes) {
      return base::InvalidArgument("more than ", kMaxNodes, " nodes");
    }
    to->line = LineOf(from);
    switch (from.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        to->kind = YamlNode::Kind::kNull;
        return base::OkStatus();
      case YAML::NodeType::Scalar:
        to->kind = YamlNode::Kind::kScalar;
        to->scalar = from.Scalar();
        // yaml-cpp tags plain scalars "?" and quoted ones "!".
        to->quoted = from.Tag() == "!";
        return base::OkStatus();
      case YAML::NodeType::Sequence:
        return ConvertSequence(from, depth, to);
      case YAML::NodeType::Map:
        return ConvertMap(from, depth, to);
    }
    return base::OkStatus();
  }

 private:
  base::Status ConvertSequence(const YAML::Node& from, int depth, YamlNode* to) {
    to->kind = YamlNode::Kind::kSequence;
    for (const auto& item : from) {
      TH_RETURN_IF_ERROR(Convert(item, depth + 1, &to->items.emplace_back()));
    }
    return base::OkStatus();
  }

  base::Status ConvertMap(const YAML::Node& from, int depth, YamlNode* to) {
    to->kind = YamlNode::Kind::kMap;
    base::StringSet seen;
    for (const auto& entry : from) {
      if (!entry.first.IsScalar()) {
        return base::InvalidArgument("line ", LineOf(entry.first), ": a key must be a plain value");
      }
      const std::string& key = entry.first.Scalar();
      if (!seen.insert(key).second) {
        return base::InvalidArgument("line ", LineOf(entry.first), ": key ", base::Quote(key),
                                     " is set twice");
      }
      auto& [name, value] = to->entries.emplace_back(YamlNode::Entry{key, {}});
      TH_RETURN_IF_ERROR(Convert(entry.second, depth + 1, &value));
      value.line = LineOf(entry.first);
    }
    return base::OkStatus();
  }

  int num_nodes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

base::StatusOr<YamlNode> ParseYaml(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return base::ResourceExhausted("YAML of ", text.size(), " bytes is larger than ", kMaxTextBytes);
  }
  try {
    YamlNode root;
    const YAML::Node document = YAML::Load(std::string(text));
    TH_RETURN_IF_ERROR(base::Annotate(Converter().Convert(document, 0, &root), "parsing YAML"));
    return root;
  } catch (const YAML::Exception& error) {
    return base::InvalidArgument("parsing YAML: line ", error.mark.line + 1, ", column ",
                                 error.mark.column + 1, ": ", error.msg);
  } catch (const std::exception& error) {
    return base::InvalidArgument("parsing YAML: ", error.what());
  }
}

base::StatusOr<std::string> YamlToString(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) {
    return base::InvalidArgument("expected a string");
  }
  return node.scalar;
}

base::StatusOr<int64_t> YamlToInt(const YamlNode& node) {
  const auto value =
      node.kind == YamlNode::Kind::kScalar && !node.quoted ? base::ParseInt64(node.scalar) : std::nullopt;
  if (!value.has_value()) {
    return base::InvalidArgument("expected an integer");
  }
  return *value;
}

base::StatusOr<bool> YamlToBool(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar && !node.quoted) {
    for (const std::string_view word : {"true", "yes", "on", "y"}) {
      if (base::EqualsIgnoreCase(node.scalar, word)) {
        return true;
      }
    }
    for (const std::string_view word : {"false", "no", "off", "n"}) {
      if (base::EqualsIgnoreCase(node.scalar, word)) {
        return false;
      }
    }
  }
  return base::InvalidArgument("expected true or false");
}

}  // namespace thanos::config
