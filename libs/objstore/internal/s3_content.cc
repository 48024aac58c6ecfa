#include "objstore/internal/s3_content.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/strings.h"

namespace thanos::objstore::internal {
namespace {

constexpr int64_t kPieceBytes = 256 * 1024;

class Hasher {
 public:
  explicit Hasher(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    TH_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, algorithm, nullptr) == 1);
  }
  ~Hasher() { EVP_MD_CTX_free(context_); }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void Add(std::span<const char> data) {
    TH_CHECK(EVP_DigestUpdate(context_, data.data(), data.size()) == 1);
  }
  std::string Finish() {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    TH_CHECK(EVP_DigestFinal_ex(context_, out, &size) == 1);
    return {reinterpret_cast<const char*>(out), size};
  }

 private:
  EVP_MD_CTX* context_;
};

}  // namespace

base::Status MemoryContent::Read(int64_t offset, std::span<char> out) const {
  const size_t copied = content_.copy(out.data(), out.size(), static_cast<size_t>(offset));
  TH_CHECK(copied == out.size());
  return base::OkStatus();
}

base::StatusOr<std::unique_ptr<FileContent>> FileContent::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat stat_buffer {};
  if (fd < 0 || fstat(fd, &stat_buffer) != 0) {
    const base::Status status = base::ErrnoStatus(errno, base::Concat("open ", path));
    if (fd >= 0) {
      close(fd);
    }
    return status;
  }
  std::unique_ptr<FileContent> out(new FileContent(fd, stat_buffer.st_size));
  if (!S_ISREG(stat_buffer.st_mode)) {
    return base::InvalidArgument(path, " is not a regular file");
  }
  return out;
}

FileContent::~FileContent() {
  close(fd_);
}

base::Status FileContent::Read(int64_t offset, std::span<char> out) const {
  while (!out.empty()) {
    const ssize_t got = pread(fd_, out.data(), out.size(), offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got == 0 ? base::DataLoss("the file became shorter while it was read")
                      : base::ErrnoStatus(errno, "read");
    }
    offset += got;
    out = out.subspan(static_cast<size_t>(got));
  }
  return base::OkStatus();
}

base::StatusOr<ContentDigests> DigestContent(const base::CancelToken& cancel,
                                             const net::BodySource& content) {
  Hasher sha256(EVP_sha256());
  Hasher md5(EVP_md5());
  std::string buffer(static_cast<size_t>(std::min(kPieceBytes, content.size_bytes())), '\0');
  for (int64_t offset = 0; offset < content.size_bytes(); offset += kPieceBytes) {
    TH_RETURN_IF_ERROR(cancel.status());
    const int64_t length = std::min(kPieceBytes, content.size_bytes() - offset);
    const std::span<char> piece(buffer.data(), static_cast<size_t>(length));
    TH_RETURN_IF_ERROR(content.Read(offset, piece));
    sha256.Add(piece);
    md5.Add(piece);
  }
  return ContentDigests{sha256.Finish(), md5.Finish()};
}

}  // namespace thanos::objstore::internal
