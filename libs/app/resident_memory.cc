#include "app/resident_memory.h"

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <malloc.h>
#include <memory>
#include <sys/mman.h>
#include <thread>

namespace thanos::app {
namespace {

constexpr size_t kWorthTrimming = size_t{16} << 20;
constexpr int kRoundsBetweenTrims = 3;

// Code is mapped from files and never written, so its pages are read again when they are used again. Loading
// and relocating touch most of the libraries; running touches a fraction.
void DropCodePages() {
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> maps(std::fopen("/proc/self/maps", "re"),
                                                                &std::fclose);
  char line[1024];
  while (maps != nullptr && std::fgets(line, sizeof(line), maps.get()) != nullptr) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    uint64_t inode = 0;
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " r-xp %*s %*s %" SCNu64, &begin, &end, &inode) == 3 &&
        inode != 0) {
      madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
  }
}

}  // namespace

// glibc gives each thread its own arena by default, which keeps freed memory of short requests for good. On
// the other hand it returns large buffers at once, so that every request faults its pages in again.
void TuneMalloc() {
  mallopt(M_ARENA_MAX, std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 8));
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

void ResidentMemory::Round(bool ready) {
  if (!ready) {
    return;
  }
  if (!dropped_code_) {
    dropped_code_ = true;
    DropCodePages();
    malloc_trim(0);
  }
  if (++rounds_ % kRoundsBetweenTrims == 0 && mallinfo2().fordblks >= kWorthTrimming) {
    malloc_trim(0);
  }
}

}  // namespace thanos::app
