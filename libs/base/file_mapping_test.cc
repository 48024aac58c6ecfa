#include "base/file_mapping.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "gtest/gtest.h"

namespace thanos::base {
namespace {

constexpr size_t kPage = 4096;

// A file of `num_bytes` times 'x', gone with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(size_t num_bytes) {
    path_ = ::testing::TempDir() + "/file-mapping-XXXXXX";
    file_ = fdopen(mkstemp(path_.data()), "w+");
    const std::string content(num_bytes, 'x');
    EXPECT_EQ(fwrite(content.data(), 1, content.size(), file_), content.size());
    EXPECT_EQ(fflush(file_), 0);
  }
  ~TemporaryFile() {
    fclose(file_);
    unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  int fd() const { return fileno(file_); }
  void Truncate(size_t num_bytes) { ASSERT_EQ(ftruncate(fd(), static_cast<off_t>(num_bytes)), 0); }

 private:
  std::string path_;
  FILE* file_;
};

TEST(FileMappingTest, MapsAFile) {
  const TemporaryFile file(3 * kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), 3 * kPage);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ(mapped->bytes, std::string(3 * kPage, 'x'));
  EXPECT_TRUE(IsIntact(mapped->owner));
  EXPECT_TRUE(IsIntact(nullptr));
  EXPECT_TRUE(IsIntact(SharedBytes::FromString("text").owner));
  EXPECT_TRUE(MapForReading(file.fd(), file.path(), 0)->bytes.empty());
  EXPECT_FALSE(MapForReading(-1, "none", 10).ok());
}

TEST(FileMappingTest, ReleasedPagesAreReadAgain) {
  const TemporaryFile file(3 * kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), 3 * kPage);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  const std::string copy(mapped->bytes);
  ReleasePages(mapped->owner);
  EXPECT_EQ(mapped->bytes, copy);
  ReleasePages(nullptr);
  ReleasePages(SharedBytes::FromString("text").owner);
}

TEST(FileMappingTest, SurvivesTruncation) {
  TemporaryFile file(4 * kPage);
  const TemporaryFile other(4 * kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), 4 * kPage);
  const auto untouched = MapForReading(other.fd(), other.path(), 4 * kPage);
  ASSERT_TRUE(mapped.ok() && untouched.ok());
  file.Truncate(kPage);
  EXPECT_EQ(mapped->bytes[0], 'x');
  EXPECT_FALSE(IsIntact(mapped->owner)) << "before anything was missed";
  std::string copy(mapped->bytes);
  EXPECT_EQ(copy, std::string(kPage, 'x') + std::string(3 * kPage, '\0'));
  EXPECT_FALSE(IsIntact(mapped->owner));
  EXPECT_TRUE(IsIntact(untouched->owner));
}

TEST(FileMappingTest, NoticesWhatIsMissingOfThePageAtTheEnd) {
  TemporaryFile file(100);
  const auto mapped = MapForReading(file.fd(), file.path(), 100);
  ASSERT_TRUE(mapped.ok());
  file.Truncate(50);
  EXPECT_EQ(mapped->bytes[70], '\0') << "no fault";
  EXPECT_FALSE(IsIntact(mapped->owner));
}

TEST(FileMappingTest, ReplacedFilesLiveOn) {
  const TemporaryFile file(kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), kPage);
  ASSERT_TRUE(mapped.ok());
  const TemporaryFile shorter(10);
  ASSERT_EQ(rename(shorter.path().c_str(), file.path().c_str()), 0);
  EXPECT_EQ(mapped->bytes, std::string(kPage, 'x'));
  EXPECT_TRUE(IsIntact(mapped->owner));
}

// Of the mapping that holds `address`, from /proc/self/smaps.
long ResidentKilobytes(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    long kilobytes = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto wanted = reinterpret_cast<unsigned long>(address);
      inside = wanted >= begin && wanted < end;
    } else if (inside && std::sscanf(line.c_str(), "Rss: %ld kB", &kilobytes) == 1) {
      return kilobytes;
    }
  }
  return -1;
}

TEST(FileMappingTest, ReleasedPagesAreNoLongerResidentButReadable) {
  const TemporaryFile file(64 * kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), 64 * kPage);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  const std::string_view bytes = mapped->bytes;
  EXPECT_EQ(bytes, std::string(64 * kPage, 'x'));
  ASSERT_EQ(ResidentKilobytes(bytes.data()), 64 * 4);
  ReleasePages(mapped->owner, bytes.substr(kPage + 1, 32 * kPage));
  EXPECT_EQ(ResidentKilobytes(bytes.data()), 32 * 4);
  EXPECT_EQ(bytes, std::string(64 * kPage, 'x'));
}

TEST(FileMappingTest, OtherMemoryIsNotReleased) {
  const TemporaryFile file(2 * kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), 2 * kPage);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  const SharedBytes text = SharedBytes::FromString(std::string(64 * kPage, 'y'));
  ReleasePages(text.owner, text.bytes);
  ReleasePages(mapped->owner, text.bytes);
  ReleasePages(nullptr, text.bytes);
  EXPECT_EQ(text.bytes, std::string(64 * kPage, 'y'));
}

TEST(FileMappingTest, ThreadsMeetTheSameHole) {
  TemporaryFile file(256 * kPage);
  for (int round = 0; round < 20; ++round) {
    file.Truncate(256 * kPage);
    const auto mapped = MapForReading(file.fd(), file.path(), 256 * kPage);
    ASSERT_TRUE(mapped.ok());
    file.Truncate(0);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        size_t sum = 0;
        for (const char c : mapped->bytes) {
          sum += static_cast<unsigned char>(c);
        }
        EXPECT_EQ(sum, 0U);
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_FALSE(IsIntact(mapped->owner));
  }
}

TEST(FileMappingTest, ManyMappingsComeAndGo) {
  TemporaryFile file(kPage);
  std::vector<SharedBytes> mappings;
  for (int i = 0; i < 3000; ++i) {
    auto mapped = MapForReading(file.fd(), file.path(), kPage);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    if (i % 2 == 0) {
      mappings.push_back(*std::move(mapped));
    }
  }
  file.Truncate(0);
  EXPECT_EQ(mappings[1234].bytes[7], '\0');
  EXPECT_FALSE(IsIntact(mappings[1234].owner));
}

TEST(FileMappingDeathTest, OtherBusErrorsStillEndTheProcess) {
  TemporaryFile file(kPage);
  const auto mapped = MapForReading(file.fd(), file.path(), kPage);
  ASSERT_TRUE(mapped.ok());
  // By the signal, or by the handler that was there before.
  EXPECT_DEATH(raise(SIGBUS); raise(SIGBUS), "");
}

}  // namespace
}  // namespace thanos::base
