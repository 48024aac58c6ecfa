#pragma once

// Strict YAML decoding. Every key must be read by somebody; errors name key and line:
//
//   struct Config { std::string directory; base::Duration timeout = std::chrono::seconds(5); };
//   base::StatusOr<Config> Parse(std::string_view text) {
//     TH_ASSIGN_OR_RETURN(config::YamlNode root, config::ParseYaml(text));
//     Config config;
//     config::YamlMap map(root);
//     map.Read("directory", &config.directory);
//     map.Read("timeout", &config.timeout);
//     TH_RETURN_IF_ERROR(map.Finish());
//     return config;
//   }

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "config/flags.h"

namespace thanos::config {

// One node of a parsed document, a plain value.
struct YamlNode {
  struct Entry;
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;           // kScalar
  bool quoted = false;          // kScalar: written in quotes, so not a number or bool
  std::vector<YamlNode> items;  // kSequence
  std::vector<Entry> entries;   // kMap, in order, keys unique
  int line = 0;                 // from 1

  // Null when absent or when this is no map.
  const YamlNode* Find(std::string_view key) const;
};

// One key of a map and what it holds.
struct YamlNode::Entry {
  std::string key;
  YamlNode value;
};

// The first document of `text`. InvalidArgument with line and column for malformed text, duplicate keys, more
// than 100 levels or more than a million nodes (aliases count each time).
base::StatusOr<YamlNode> ParseYaml(std::string_view text);

// Scalars with the conversions that Read applies.
base::StatusOr<std::string> YamlToString(const YamlNode& node);
base::StatusOr<int64_t> YamlToInt(const YamlNode& node);
base::StatusOr<bool> YamlToBool(const YamlNode& node);

// Reads the keys of one map. A null node reads as an empty map, an absent or null key leaves the target
// alone. The first error sticks and is returned by Finish(). `node` must outlive the reader.
class YamlMap {
 public:
  // `path` names the map in errors, for example "config.http_config".
  explicit YamlMap(const YamlNode& node, std::string path = "");

  bool Has(std::string_view key) const;
  void Read(std::string_view key, std::string* target);
  void Read(std::string_view key, bool* target);
  void Read(std::string_view key, int64_t* target);
  void Read(std::string_view key, double* target);
  void Read(std::string_view key, base::Duration* target);  // Prometheus' or Go's syntax
  void Read(std::string_view key, ByteSize* target);        // a plain number or with unit
  void Read(std::string_view key, std::vector<std::string>* target);
  // A map of strings, in order.
  void Read(std::string_view key, std::vector<std::pair<std::string, std::string>>* target);
  // A nested map: `read` reads its keys; unknown ones are found afterwards.
  void ReadMap(std::string_view key, const std::function<void(YamlMap&)>& read);
  // A sequence of maps, in order.
  void ReadMaps(std::string_view key, const std::function<void(YamlMap&)>& read);
  // The raw node, counted as read; null when absent.
  const YamlNode* Node(std::string_view key);
  // Counts the key as read without looking at it.
  void Ignore(std::string_view key);
  // Counts all keys as read, for formats that allow unknown ones.
  void IgnoreRest();
  // Reports `what` about `key` unless there is an error already.
  void Fail(std::string_view key, std::string_view what);

  // The first error, or InvalidArgument naming an unknown key.
  base::Status Finish();

 private:
  const YamlNode* Take(std::string_view key);
  void Keep(const YamlNode& node, std::string_view key, const base::Status& status);
  std::string PathOf(std::string_view key) const;

  const YamlNode* node_;
  std::string path_;
  std::vector<bool> taken_;
  base::Status error_;
};

}  // namespace thanos::config
