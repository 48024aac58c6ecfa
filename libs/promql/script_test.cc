#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "promql/test_script.h"

namespace thanos::promql {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class ScriptTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScriptTest, GivesTheExpectedAnswers) {
  concurrency::ThreadPool pool("cpu", 2);
  EngineOptions sharded;
  sharded.enable_experimental = true;
  sharded.cpu_pool = &pool;
  sharded.num_shards = 3;
  EngineOptions inline_only;
  inline_only.enable_experimental = true;
  for (const EngineOptions& options : {inline_only, sharded}) {
    const ScriptReport report = RunScript(ReadFile(GetParam()), Engine(options));
    EXPECT_GT(report.evaluations, 0);
    EXPECT_EQ(report.skipped, 0);
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
