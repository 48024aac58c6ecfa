#include "index/mapped_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thanos::index {

base::StatusOr<base::SharedBytes> MapFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return base::ErrnoStatus(errno, base::Concat("open ", path));
  }
  struct stat info {};
  if (::fstat(file, &info) != 0) {
    const int error = errno;
    ::close(file);
    return base::ErrnoStatus(error, base::Concat("stat ", path));
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) {
    ::close(file);
    return base::SharedBytes{};
  }
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  const int error = errno;
  ::close(file);
  if (memory == MAP_FAILED) {
    return base::ErrnoStatus(error, base::Concat("map ", path));
  }
  const base::BufferOwner owner(memory,
                                [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });
  return base::SharedBytes{{static_cast<const char*>(memory), size}, owner};
}

}  // namespace thanos::index
