#pragma once

// What is uploaded, read piece by piece, so that no object is held in memory.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/status.h"
#include "net/http_client.h"

namespace thanos::objstore::internal {

// Bytes in memory, which must outlive this.
class MemoryContent final : public net::BodySource {
 public:
  explicit MemoryContent(std::string_view content) : content_(content) {}
  int64_t size_bytes() const override { return static_cast<int64_t>(content_.size()); }
  base::Status Read(int64_t offset, std::span<char> out) const override;

 private:
  const std::string_view content_;
};

// A local file. Thread-safe.
class FileContent final : public net::BodySource {
 public:
  // InvalidArgument for what is no regular file.
  static base::StatusOr<std::unique_ptr<FileContent>> Open(const std::string& path);
  ~FileContent() override;
  FileContent(const FileContent&) = delete;
  FileContent& operator=(const FileContent&) = delete;
  // When it was opened.
  int64_t size_bytes() const override { return size_bytes_; }
  // DataLoss when the file has become shorter.
  base::Status Read(int64_t offset, std::span<char> out) const override;

 private:
  FileContent(int fd, int64_t size_bytes) : fd_(fd), size_bytes_(size_bytes) {}
  const int fd_;
  const int64_t size_bytes_;
};

// A range of another content, which must outlive this.
class ContentPart final : public net::BodySource {
 public:
  ContentPart(const net::BodySource& whole, int64_t offset, int64_t size_bytes)
      : whole_(whole), offset_(offset), size_bytes_(size_bytes) {}
  int64_t size_bytes() const override { return size_bytes_; }
  base::Status Read(int64_t offset, std::span<char> out) const override {
    return whole_.Read(offset_ + offset, out);
  }

 private:
  const net::BodySource& whole_;
  const int64_t offset_;
  const int64_t size_bytes_;
};

// Raw digests.
struct ContentDigests {
  std::string sha256;
  std::string md5;
};
base::StatusOr<ContentDigests> DigestContent(const base::CancelToken& cancel, const net::BodySource& content);

}  // namespace thanos::objstore::internal
