#include "promstore/reloader.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <zlib.h>

#include "config/path_or_content.h"
#include "net/http_server.h"
#include "promstore/reloader_files.h"

namespace thanos::promstore {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto kDeadline = std::chrono::seconds(20);

void Write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string Gzip(std::string_view text) {
  const std::string path = ::testing::TempDir() + "/reloader_test.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return *config::ReadFile(path);
}

class ReloaderTest : public ::testing::Test {
 protected:
  ReloaderTest() {
    fs::remove_all(directory_);
    fs::create_directories(directory_ / "rules");
    net::HttpServerOptions options;
    options.address = "127.0.0.1:0";
    server_ = std::move(net::HttpServer::Create(options)).value();
    server_->AddRoute({{"POST"}, "/-/reload", [this](const net::HttpRequest&) {
                         ++num_reloads_;
                         return net::HttpResponse::Text(status_, "");
                       }});
    EXPECT_TRUE(server_->Start().ok());
    options_.reload_url = base::Concat("http://127.0.0.1:", server_->port(), "/-/reload");
    options_.settle_time = std::chrono::milliseconds(1);
    options_.retry_interval = std::chrono::milliseconds(10);
    options_.watch_interval = std::chrono::hours(1);
    Write(Path("in.yml"), "a: 1");
  }
  std::string Path(std::string_view name) const { return (directory_ / name).string(); }
  void Make() { reloader_.emplace(options_, *http_, clock_, *metrics_); }
  base::Status Apply() { return reloader_->Apply({}); }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const auto end = base::SteadyNow() + kDeadline;
    while (!condition()) {
      if (base::SteadyNow() > end) {
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  }

  const fs::path directory_ = fs::path(::testing::TempDir()) / "reloader_test";
  std::atomic<int> num_reloads_{0};
  std::atomic<int> status_{200};
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<net::HttpClient> http_ = net::HttpClient::Create({});
  base::FakeClock clock_{5000};
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  ReloaderOptions options_;
  std::optional<Reloader> reloader_;
};

TEST_F(ReloaderTest, ReplacesVariablesAndReloadsOnlyOnChange) {
  setenv("RELOADER_TEST_REPLICA", "r1", 1);
  Write(Path("in.yml"), "replica: $(RELOADER_TEST_REPLICA)");
  options_.config_file = Path("in.yml");
  options_.config_output_file = Path("out.yml");
  Make();
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(*config::ReadFile(Path("out.yml")), "replica: r1");
  EXPECT_EQ(num_reloads_, 1);
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(num_reloads_, 1);
  Write(Path("in.yml"), "replica: $(RELOADER_TEST_REPLICA)2");
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(*config::ReadFile(Path("out.yml")), "replica: r12");
  EXPECT_EQ(num_reloads_, 2);
  EXPECT_FALSE(fs::exists(Path("out.yml.tmp")));
  const std::string text = metrics_->Expose();
  EXPECT_THAT(text, HasSubstr("thanos_sidecar_reloader_reloads_total 2"));
  EXPECT_THAT(text, HasSubstr("thanos_sidecar_reloader_last_reload_successful 1"));
  EXPECT_THAT(text, HasSubstr("thanos_sidecar_reloader_last_reload_success_timestamp_seconds 5"));
  EXPECT_THAT(text, HasSubstr("thanos_sidecar_reloader_info{method=\"http\"} 1"));
}

TEST_F(ReloaderTest, AnUnsetVariableKeepsTheOldOutput) {
  options_.config_file = Path("in.yml");
  options_.config_output_file = Path("out.yml");
  Make();
  ASSERT_TRUE(Apply().ok());
  unsetenv("RELOADER_TEST_UNSET");
  Write(Path("in.yml"), "a: $(RELOADER_TEST_UNSET)");
  EXPECT_THAT(std::string(base::Message(Apply())), HasSubstr("RELOADER_TEST_UNSET"));
  EXPECT_EQ(*config::ReadFile(Path("out.yml")), "a: 1");
  EXPECT_EQ(num_reloads_, 1);
  EXPECT_THAT(metrics_->Expose(),
              HasSubstr("thanos_sidecar_reloader_config_environment_variable_expansion_errors 1"));
}

TEST_F(ReloaderTest, Decompresses) {
  Write(Path("in.yml.gz"), Gzip("b: 2"));
  options_.config_file = Path("in.yml.gz");
  options_.config_output_file = Path("out.yml");
  Make();
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(*config::ReadFile(Path("out.yml")), "b: 2");
  Write(Path("in.yml.gz"), "no gzip");
  EXPECT_EQ(Apply().code(), base::StatusCode::kDataLoss);
}

TEST(GunzipTest, HoldsToTheLimitAndFindsDamage) {
  const std::string compressed = Gzip(std::string(100'000, 'x'));
  EXPECT_EQ(Gunzip(compressed, 100'000)->size(), 100'000u);
  EXPECT_EQ(Gunzip(compressed, 99'999).status().code(), base::StatusCode::kResourceExhausted);
  EXPECT_EQ(Gunzip(std::string_view(compressed).substr(0, 50), 100'000).status().code(),
            base::StatusCode::kDataLoss);
  EXPECT_EQ(Gunzip("", 10).status().code(), base::StatusCode::kDataLoss);
}

TEST_F(ReloaderTest, SeesChangesInRuleDirectories) {
  options_.directories = {Path("rules")};
  fs::create_directories(directory_ / "elsewhere" / "v1");
  Write(directory_ / "elsewhere" / "v1" / "a.yml", "1");
  // The shape of a mounted ConfigMap: file -> ..data/file, ..data -> a directory that is exchanged.
  fs::create_directory_symlink(directory_ / "elsewhere" / "v1", directory_ / "rules" / "..data");
  fs::create_symlink("..data/a.yml", directory_ / "rules" / "a.yml");
  Make();
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(num_reloads_, 1);
  Write(directory_ / "elsewhere" / "v1" / "a.yml", "2");
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(num_reloads_, 2);
  fs::create_directories(directory_ / "rules" / "deep");
  Write(directory_ / "rules" / "deep" / "b.yml", "3");
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(num_reloads_, 3);
  fs::rename(directory_ / "rules" / "deep" / "b.yml", directory_ / "rules" / "deep" / "c.yml");
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(num_reloads_, 4);
  ASSERT_TRUE(Apply().ok());
  EXPECT_EQ(num_reloads_, 4);
  fs::remove_all(directory_ / "rules");
  EXPECT_FALSE(Apply().ok());
}

TEST_F(ReloaderTest, WatchesAndTriesAgain) {
  options_.config_file = Path("in.yml");
  fs::create_directories(directory_ / "out");
  options_.config_output_file = Path("out/out.yml");
  options_.directories = {Path("rules")};
  Make();
  status_ = 500;
  base::CancelSource source;
  std::thread runner([&] { reloader_->Run(source.token()); });
  EXPECT_TRUE(Eventually([&] { return num_reloads_ >= 3; }));
  status_ = 200;
  const auto is_success = [&] {
    return metrics_->Expose().find("thanos_sidecar_reloader_last_reload_successful 1") != std::string::npos;
  };
  EXPECT_TRUE(Eventually(is_success));
  const int before = num_reloads_;
  Write(Path("in.yml"), "a: 2");
  EXPECT_TRUE(Eventually([&] { return num_reloads_ > before; }));
  EXPECT_TRUE(Eventually([&] { return *config::ReadFile(Path("out/out.yml")) == "a: 2"; }));
  const int then = num_reloads_;
  Write(directory_ / "rules" / "new.yml", "x");
  EXPECT_TRUE(Eventually([&] { return num_reloads_ > then; }));
  source.Cancel();
  runner.join();
  const std::string text = metrics_->Expose();
  EXPECT_THAT(text, HasSubstr("thanos_sidecar_reloader_watches 2"));
  EXPECT_THAT(text, HasSubstr("thanos_sidecar_reloader_config_apply_operations_failed_total 1"));
}

TEST_F(ReloaderTest, RunReturnsWithoutAnythingToWatch) {
  Make();
  reloader_->Run({});
  EXPECT_EQ(num_reloads_, 0);
  options_.config_file = Path("in.yml");
  options_.watch_interval = base::Duration::zero();
  Make();
  reloader_->Run({});
  EXPECT_EQ(num_reloads_, 1);
}

TEST_F(ReloaderTest, SignalsTheProcess) {
  // A program under a name nobody else has.
  const std::string name = base::Concat("reloader-", getpid());
  fs::copy_file("/bin/cat", directory_ / name);
  int input[2];
  ASSERT_EQ(pipe(input), 0);
  const std::string path = Path(name);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGHUP, SIG_DFL);
    dup2(input[0], STDIN_FILENO);
    close(input[1]);
    execl(path.c_str(), path.c_str(), nullptr);
    _exit(1);
  }
  ASSERT_GT(child, 0);
  options_.config_file = Path("in.yml");
  options_.use_signal = true;
  options_.process_name = name;
  Make();
  EXPECT_TRUE(Eventually([&] { return Apply().ok(); }));  // once it has become that program
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
  close(input[0]);
  close(input[1]);
  EXPECT_EQ(SignalProcess(name).code(), base::StatusCode::kNotFound);
}

}  // namespace
}  // namespace thanos::promstore
