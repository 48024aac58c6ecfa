#include "config/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Config {
  std::string type;
  int64_t count = 3;
  double ratio = 1;
  bool enabled = false;
  base::Duration timeout = std::chrono::seconds(5);
  ByteSize size;
  std::vector<std::string> names;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string directory = "default";
  std::vector<std::string> group_names;
};

base::StatusOr<Config> Parse(std::string_view text) {
  TH_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text));
  Config config;
  YamlMap map(root);
  map.Read("type", &config.type);
  map.Read("count", &config.count);
  map.Read("ratio", &config.ratio);
  map.Read("enabled", &config.enabled);
  map.Read("timeout", &config.timeout);
  map.Read("size", &config.size);
  map.Read("names", &config.names);
  map.Read("headers", &config.headers);
  map.ReadMap("config", [&](YamlMap& nested) { nested.Read("directory", &config.directory); });
  map.ReadMaps("groups", [&](YamlMap& group) { group.Read("name", &config.group_names.emplace_back()); });
  TH_RETURN_IF_ERROR(map.Finish());
  return config;
}

TEST(YamlTest, ReadsEveryType) {
  const auto config = Parse(R"(
type: "FILESYSTEM"
count: 12
ratio: .5
enabled: true
timeout: 1m30s
size: 250MB
names: [a, "b"]
headers: {x: 1, y: two}
config:
  directory: /data
groups:
- name: first
- name: second
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->type, "FILESYSTEM");
  EXPECT_EQ(config->count, 12);
  EXPECT_EQ(config->ratio, 0.5);
  EXPECT_TRUE(config->enabled);
  EXPECT_EQ(config->timeout, std::chrono::seconds(90));
  EXPECT_EQ(config->size.value, 250 << 20);
  EXPECT_THAT(config->names, ElementsAre("a", "b"));
  EXPECT_THAT(config->headers, ElementsAre(std::pair("x", "1"), std::pair("y", "two")));
  EXPECT_EQ(config->directory, "/data");
  EXPECT_THAT(config->group_names, ElementsAre("first", "second"));
}

TEST(YamlTest, AbsentAndNullKeysKeepDefaults) {
  for (const std::string_view text : {"", "{}", "count:\nconfig: ~\n", "# nothing\n"}) {
    const auto config = Parse(text);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->count, 3);
    EXPECT_EQ(config->directory, "default");
  }
}

struct ErrorCase {
  std::string_view text;
  std::string_view want;
};

TEST(YamlTest, ErrorsNameLineAndKey) {
  for (const ErrorCase& test :
       {ErrorCase{"type: a\nbogus: 1\n", "line 2: unknown key \"bogus\""},
        {"config:\n  directory: x\n  other: y\n", "line 3: unknown key \"config.other\""},
        {"groups:\n- name: a\n  x: 1\n", "line 3: unknown key \"groups[0].x\""},
        {"count: many\n", "line 1: count: expected an integer"},
        {"count: \"5\"\n", "count: expected an integer"},
        {"enabled: maybe\n", "enabled: expected true or false"},
        {"timeout: soon\n", "line 1: timeout"},
        {"names: x\n", "names: expected a list"},
        {"headers: [x]\n", "headers: expected a map"},
        {"config: [x]\n", "config: expected a map"},
        {"[1, 2]\n", "the document: expected a map"},
        {"type: a\ntype: b\n", "line 2: key \"type\" is set twice"},
        {"type: {a\n", "line"},
        {"type: *nothing\n", "line 1"}}) {
    const auto config = Parse(test.text);
    ASSERT_FALSE(config.ok()) << test.text;
    EXPECT_EQ(config.status().code(), base::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(base::Message(config.status())), HasSubstr(std::string(test.want))) << test.text;
  }
}

TEST(YamlTest, BoundsDepthAndExpansion) {
  EXPECT_FALSE(ParseYaml(std::string(5000, '[')).ok());
  EXPECT_FALSE(ParseYaml(std::string(200, '[') + std::string(200, ']')).ok());
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'k'; ++c) {
    const char before = static_cast<char>(c - 1);
    bomb += base::Concat(c, ": &", c, " [");
    for (int i = 0; i < 10; ++i) {
      bomb += base::Concat(i == 0 ? "*" : ",*", before);
    }
    bomb += "]\n";
  }
  EXPECT_FALSE(ParseYaml(bomb).ok());
}

TEST(YamlTest, IgnoreRestAcceptsUnknownKeys) {
  const auto root = ParseYaml("a: 1\nb: 2\n");
  ASSERT_TRUE(root.ok());
  YamlMap map(*root);
  EXPECT_TRUE(map.Has("b"));
  map.IgnoreRest();
  EXPECT_TRUE(map.Finish().ok());
}

}  // namespace
}  // namespace thanos::config
