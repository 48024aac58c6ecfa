#include "index/mapped_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_mapping.h"

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
  auto bytes = base::MapForReading(file, path, static_cast<size_t>(info.st_size));
  ::close(file);
  return bytes;
}

}  // namespace thanos::index
