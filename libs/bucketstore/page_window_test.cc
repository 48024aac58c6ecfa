#include "bucketstore/internal/page_window.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/file_mapping.h"
#include "gtest/gtest.h"

namespace thanos::bucketstore::internal {
namespace {

constexpr size_t kLargestPageBytes = size_t{2} << 20;
constexpr size_t kFileBytes = 4 * kLargestPageBytes;

// Of the mapping that holds `address`, from /proc/self/smaps.
size_t ResidentBytes(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long kilobytes = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto wanted = reinterpret_cast<unsigned long>(address);
      inside = wanted >= begin && wanted < end;
    } else if (inside && std::sscanf(line.c_str(), "Rss: %lu kB", &kilobytes) == 1) {
      return kilobytes * 1024;
    }
  }
  return 0;
}

class PageWindowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "page-window-XXXXXX";
    const int fd = mkstemp(path_.data());
    ASSERT_GE(fd, 0);
    const std::string content(kFileBytes, 'x');
    ASSERT_EQ(write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    auto mapped = base::MapForReading(fd, path_, kFileBytes);
    close(fd);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    mapped_ = *std::move(mapped);
    Touch();
  }
  void TearDown() override { unlink(path_.c_str()); }
  // Reads all, which makes all resident.
  void Touch() { ASSERT_EQ(mapped_.bytes.find_first_not_of('x'), std::string_view::npos); }
  size_t resident() const { return ResidentBytes(mapped_.bytes.data()); }

  std::string path_;
  base::SharedBytes mapped_;
};

TEST_F(PageWindowTest, GivesBackInSteps) {
  PageWindow window;
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(0, 1000));
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(PageWindow::kStepBytes - 1, 1000));
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(PageWindow::kStepBytes, 1000));
  EXPECT_EQ(resident(), kFileBytes) << "less than a step";
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(PageWindow::kStepBytes + 5000, 1000));
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(PageWindow::kStepBytes + 9000, 1000));
  EXPECT_LE(resident(), kFileBytes - PageWindow::kStepBytes);
  // Pages that are mapped together, up to 2 MiB, go together.
  EXPECT_GE(resident() + 2 * kLargestPageBytes, kFileBytes);
}

TEST_F(PageWindowTest, WhatWasReadLastStays) {
  PageWindow window;
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(0, 2 * PageWindow::kStepBytes));
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(2 * PageWindow::kStepBytes, 1000));
  EXPECT_EQ(resident(), kFileBytes);
  window.MoveTo(mapped_.owner, mapped_.bytes.substr(2 * PageWindow::kStepBytes + 5000, 1000));
  EXPECT_LE(resident(), kFileBytes - 2 * PageWindow::kStepBytes + 8192);
}

TEST_F(PageWindowTest, NeighboursOfALaterReadAreGivenBackToo) {
  constexpr size_t kStep = PageWindow::kStepBytes;
  PageWindow window;
  for (const size_t position : {size_t{0}, kStep, kStep + 1}) {
    window.MoveTo(mapped_.owner, mapped_.bytes.substr(position, 1000));
  }
  ASSERT_LE(resident(), kFileBytes - kStep + 8192);
  // The system may map what lies before the page again.
  ASSERT_EQ(mapped_.bytes.substr(kStep - 8192, 16384).find_first_not_of('x'), std::string_view::npos);
  for (const size_t position : {2 * kStep + 9000, 2 * kStep + 9001}) {
    window.MoveTo(mapped_.owner, mapped_.bytes.substr(position, 1000));
  }
  EXPECT_LE(resident(), kFileBytes - 2 * kStep + 8192);
}

TEST_F(PageWindowTest, TheEndGivesBackTheRest) {
  {
    PageWindow window;
    window.MoveTo(mapped_.owner, mapped_.bytes);
    PageWindow moved(std::move(window));
    EXPECT_EQ(resident(), kFileBytes);
  }
  EXPECT_LT(resident(), 8192U);
  Touch();
}

TEST_F(PageWindowTest, ShortReadsStayResident) {
  {
    PageWindow window;
    window.MoveTo(mapped_.owner, mapped_.bytes.substr(0, PageWindow::kStepBytes - 1));
  }
  EXPECT_EQ(resident(), kFileBytes);
}

TEST_F(PageWindowTest, GoingBackIsAllowed) {
  {
    PageWindow window;
    window.MoveTo(mapped_.owner, mapped_.bytes.substr(kFileBytes / 2));
    window.MoveTo(mapped_.owner, mapped_.bytes.substr(0, 1000));
  }
  EXPECT_LT(resident(), 8192U);
}

TEST_F(PageWindowTest, OrdinaryMemoryIsLeftAlone) {
  const base::SharedBytes text = base::SharedBytes::FromString(std::string(kFileBytes, 'y'));
  {
    PageWindow window;
    window.MoveTo(text.owner, text.bytes);
    window.MoveTo(mapped_.owner, mapped_.bytes.substr(0, 10));
    window.MoveTo(nullptr, {});
  }
  EXPECT_EQ(text.bytes.find_first_not_of('y'), std::string_view::npos);
}

}  // namespace
}  // namespace thanos::bucketstore::internal
