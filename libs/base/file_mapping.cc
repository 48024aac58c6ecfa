#include "base/file_mapping.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "base/strings.h"

// The handler may run in any thread at any instruction: it reads a table of mappings that grows by segments
// that are never freed, and takes no lock.

namespace thanos::base {
namespace {

struct Slot {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};
  std::atomic<uint32_t> num_faults{0};
};

constexpr size_t kSegmentSlots = 1024;
constexpr size_t kMaxSegments = 1024;
using Segment = std::array<Slot, kSegmentSlots>;

// A signal handler has no other way to its data.
struct Table {
  std::mutex mutex;  // of claiming and releasing slots
  std::array<std::atomic<Segment*>, kMaxSegments> segments{};
  std::atomic<size_t> num_slots{0};  // slots ever used
  std::vector<size_t> free;
  uintptr_t page_bytes = 4096;
  struct sigaction previous {};
};
Table& GlobalTable() {
  static Table* const kTable = new Table;
  return *kTable;
}
Table* handler_table = nullptr;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

Slot& SlotAt(Table& table, size_t i) {
  return (*table.segments[i / kSegmentSlots].load(std::memory_order_acquire))[i % kSegmentSlots];
}

// Puts a page of zeros where `address` is; false when that is not within a mapping of the table.
bool Repair(Table& table, uintptr_t address) {
  const size_t num_slots = table.num_slots.load(std::memory_order_acquire);
  for (size_t i = 0; i < num_slots; ++i) {
    Slot& slot = SlotAt(table, i);
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= slot.end.load(std::memory_order_acquire)) {
      continue;
    }
    void* page = reinterpret_cast<void*>(address & ~(table.page_bytes - 1));
    if (mmap(page, table.page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED) {
      return false;
    }
    slot.num_faults.fetch_add(1, std::memory_order_release);
    return true;
  }
  return false;
}

void OnBusError(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  Table& table = *handler_table;
  if (!Repair(table, reinterpret_cast<uintptr_t>(info->si_addr))) {
    if ((table.previous.sa_flags & SA_SIGINFO) != 0) {
      table.previous.sa_sigaction(number, info, context);
    } else {
      // Not ours: the access faults again, now without a handler.
      struct sigaction standard {};
      standard.sa_handler = SIG_DFL;
      (void)sigaction(SIGBUS, &standard, nullptr);
    }
  }
  errno = saved_errno;
}

void InstallHandler() {
  Table& table = GlobalTable();
  table.page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  handler_table = &table;
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  (void)sigaction(SIGBUS, &action, &table.previous);
}

Slot* Claim(uintptr_t begin, size_t num_bytes) {
  static std::once_flag installed;
  std::call_once(installed, InstallHandler);
  Table& table = GlobalTable();
  const std::lock_guard<std::mutex> lock(table.mutex);
  size_t number = 0;
  if (!table.free.empty()) {
    number = table.free.back();
    table.free.pop_back();
  } else {
    number = table.num_slots.load(std::memory_order_relaxed);
    if (number == kMaxSegments * kSegmentSlots) {
      return nullptr;
    }
    if (number % kSegmentSlots == 0) {
      table.segments[number / kSegmentSlots].store(new Segment, std::memory_order_release);
    }
  }
  Slot& slot = SlotAt(table, number);
  slot.num_faults.store(0, std::memory_order_relaxed);
  slot.end.store(begin + num_bytes, std::memory_order_release);
  slot.begin.store(begin, std::memory_order_release);
  if (number == table.num_slots.load(std::memory_order_relaxed)) {
    table.num_slots.store(number + 1, std::memory_order_release);
  }
  return &slot;
}

void Release(Slot* slot) {
  Table& table = GlobalTable();
  const std::lock_guard<std::mutex> lock(table.mutex);
  slot->begin.store(0, std::memory_order_release);
  for (size_t i = 0; i < kMaxSegments; ++i) {
    Segment* segment = table.segments[i].load(std::memory_order_relaxed);
    if (segment == nullptr) {
      break;
    }
    if (slot >= segment->data() && slot < segment->data() + kSegmentSlots) {
      table.free.push_back(i * kSegmentSlots + static_cast<size_t>(slot - segment->data()));
      break;
    }
  }
}

struct Unmap {
  size_t num_bytes;
  Slot* slot;
  std::string path;
  dev_t device;
  ino_t inode;
  void operator()(const void* mapped) const {
    Release(slot);
    munmap(const_cast<void*>(mapped), num_bytes);
  }
};

}  // namespace

StatusOr<SharedBytes> MapForReading(int fd, const std::string& path, size_t num_bytes) {
  if (num_bytes == 0) {
    return SharedBytes{};
  }
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    return ErrnoStatus(errno, Concat("map ", path));
  }
  void* memory = mmap(nullptr, num_bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    return ErrnoStatus(errno, Concat("map ", path));
  }
  Slot* slot = Claim(reinterpret_cast<uintptr_t>(memory), num_bytes);
  if (slot == nullptr) {
    munmap(memory, num_bytes);
    return ResourceExhausted("map ", path, ": too many mapped files");
  }
  return SharedBytes{{static_cast<const char*>(memory), num_bytes},
                     BufferOwner(memory, Unmap{num_bytes, slot, path, status.st_dev, status.st_ino})};
}

void ReleasePages(const BufferOwner& owner) {
  if (const auto* unmap = std::get_deleter<Unmap>(owner); unmap != nullptr) {
    (void)madvise(reinterpret_cast<void*>(unmap->slot->begin.load(std::memory_order_relaxed)),
                  unmap->num_bytes, MADV_DONTNEED);
  }
}

bool IsIntact(const BufferOwner& owner) {
  const auto* unmap = std::get_deleter<Unmap>(owner);
  if (unmap == nullptr) {
    return true;
  }
  // What is missing of the last page reads as zeros without any fault. A path that leads elsewhere by now
  // says nothing: the mapped file lives on without a name.
  struct stat status {};
  if (stat(unmap->path.c_str(), &status) == 0 && status.st_dev == unmap->device &&
      status.st_ino == unmap->inode && static_cast<uint64_t>(status.st_size) < unmap->num_bytes) {
    unmap->slot->num_faults.fetch_add(1, std::memory_order_release);
  }
  return unmap->slot->num_faults.load(std::memory_order_acquire) == 0;
}

void ReleasePages(const BufferOwner& owner, std::string_view bytes) {
  const auto* unmap = std::get_deleter<Unmap>(owner);
  if (unmap == nullptr || bytes.empty()) {
    return;
  }
  const uintptr_t page_mask = ~(GlobalTable().page_bytes - 1);
  const auto first = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t last = first + bytes.size() - 1;
  if (first < unmap->slot->begin.load(std::memory_order_acquire) ||
      last >= unmap->slot->end.load(std::memory_order_acquire)) {
    return;
  }
  const uintptr_t begin = first & page_mask;
  const uintptr_t end = last & page_mask;
  if (begin < end) {
    // The mapping is shared and read-only: nothing is lost. Refused advice leaves the pages where they are.
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

}  // namespace thanos::base
