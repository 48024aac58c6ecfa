#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "base/strings.h"
#include "promql/test_script.h"

namespace thanos::promql {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Experimental functions, and the features a first line "# features: a b" names.
EngineOptions OptionsFor(std::string_view script) {
  EngineOptions options;
  options.enable_experimental = true;
  constexpr std::string_view kFeatures = "# features:";
  std::string_view line = script.substr(0, script.find('\n'));
  if (line.starts_with(kFeatures)) {
    line.remove_prefix(kFeatures.size());
    for (const std::string_view feature : base::Split(line, ' ')) {
      if (feature == "x-functions") {
        options.enable_x_functions = true;
      } else if (!feature.empty()) {
        EXPECT_TRUE(EnableFeature(feature, &options)) << feature;
      }
    }
  }
  return options;
}

class ScriptTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScriptTest, GivesTheExpectedAnswers) {
  concurrency::ThreadPool pool("cpu", 2);
  const std::string script = ReadFile(GetParam());
  const EngineOptions inline_only = OptionsFor(script);
  EngineOptions sharded = inline_only;
  sharded.cpu_pool = &pool;
  sharded.num_shards = 3;
  for (const EngineOptions& options : {inline_only, sharded}) {
    const ScriptReport report = RunScript(script, Engine(options));
    EXPECT_GT(report.evaluations, 0);
    for (const std::string& failure : report.failures) {
      ADD_FAILURE() << GetParam().filename() << " " << failure;
    }
  }
}

std::vector<std::filesystem::path> Scripts() {
  std::vector<std::filesystem::path> scripts;
  for (const auto& entry : std::filesystem::directory_iterator(TH_SOURCE_DIR "/tests/promql")) {
    if (entry.path().extension() == ".test") {
      scripts.push_back(entry.path());
    }
  }
  std::sort(scripts.begin(), scripts.end());
  return scripts;
}

INSTANTIATE_TEST_SUITE_P(Files, ScriptTest, ::testing::ValuesIn(Scripts()),
                         [](const auto& param_info) { return param_info.param.stem().string(); });

}  // namespace
}  // namespace thanos::promql
