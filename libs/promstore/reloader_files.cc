#include "promstore/reloader_files.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <openssl/evp.h>
#include <optional>
#include <system_error>
#include <unistd.h>
#include <zlib.h>

#include "base/check.h"
#include "base/strings.h"
#include "config/path_or_content.h"

namespace thanos::promstore {
namespace {

constexpr size_t kMaxFiles = 100'000;
constexpr int kGzipWindowBits = 15 + 16;  // 16 asks zlib for gzip's frame

// The name of a process' executable, or what it calls itself when that may not be read.
std::string ProcessName(const std::filesystem::path& directory) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(directory / "exe", error);
  if (!error) {
    constexpr std::string_view kDeleted = " (deleted)";
    std::string name = target.filename().string();
    if (name.ends_with(kDeleted)) {
      name.resize(name.size() - kDeleted.size());
    }
    return name;
  }
  const auto own_name = config::ReadFile((directory / "comm").string());
  return own_name.ok() ? std::string(base::Trim(*own_name)) : "";
}

base::Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return base::ErrnoStatus(errno, "writing");
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
  return fdatasync(fd) == 0 ? base::OkStatus() : base::ErrnoStatus(errno, "syncing");
}

}  // namespace

base::StatusOr<Tree> ListTree(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto failed = [&](const std::string& path) {
    return base::ErrnoStatus(error.value(), base::Concat("reading directory ", path));
  };
  // A link as the directory itself is followed, those below it are not.
  const fs::path root = fs::canonical(directory, error);
  if (error) {
    return failed(directory);
  }
  Tree tree;
  tree.directories.push_back(directory);
  for (fs::recursive_directory_iterator it(root, error), end; it != end; it.increment(error)) {
    if (error) {
      break;
    }
    const bool is_link = it->is_symlink(error);
    const fs::file_status target = it->status(error);
    if (error) {
      return failed(it->path().string());
    }
    if (fs::is_directory(target)) {
      if (!is_link) {
        tree.directories.push_back(it->path().string());
      }
    } else if (fs::is_regular_file(target)) {
      tree.files.push_back(it->path().string());
    }
    if (tree.files.size() > kMaxFiles) {
      return base::ResourceExhausted("directory ", directory, " has more than ", kMaxFiles, " files");
    }
  }
  if (error) {
    return failed(directory);
  }
  std::sort(tree.files.begin(), tree.files.end());
  return tree;
}

TreeDigest::TreeDigest() : context_(EVP_MD_CTX_new()) {
  TH_CHECK(context_ != nullptr &&
           EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1);
}

TreeDigest::~TreeDigest() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void TreeDigest::Update(std::string_view data) {
  TH_CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), data.data(), data.size()) == 1);
}

void TreeDigest::Add(std::string_view name, std::string_view content) {
  Update(base::Concat(name.size(), ":", content.size(), ":"));
  Update(name);
  Update(content);
}

std::string TreeDigest::Finish() {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  TH_CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_),
                              reinterpret_cast<unsigned char*>(out.data()), &length) == 1);
  out.resize(length);
  return out;
}

base::StatusOr<std::string> Gunzip(std::string_view compressed, size_t max_bytes) {
  z_stream stream{};
  if (compressed.size() > UINT_MAX || inflateInit2(&stream, kGzipWindowBits) != Z_OK) {
    return base::Internal("starting decompression");
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  char buffer[16 * 1024];
  int result = Z_OK;
  while (result == Z_OK && out.size() <= max_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof(buffer) - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > max_bytes) {
    return base::ResourceExhausted("decompressed size is above ", max_bytes, " bytes");
  }
  if (result != Z_STREAM_END) {
    return base::DataLoss("damaged or cut gzip data");
  }
  return out;
}

base::Status WriteAtomically(const std::string& path, std::string_view content) {
  if (const auto present = config::ReadFile(path); present.ok() && *present == content) {
    return base::OkStatus();
  }
  const std::string temporary = path + ".tmp";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    return base::ErrnoStatus(errno, base::Concat("creating file ", temporary));
  }
  base::Status status = base::Annotate(WriteAll(fd, content), temporary);
  if (close(fd) != 0 && status.ok()) {
    status = base::ErrnoStatus(errno, base::Concat("closing file ", temporary));
  }
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = base::ErrnoStatus(errno, base::Concat("renaming to ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
  }
  return status;
}

base::Status SignalProcess(const std::string& name) {
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end;
       it.increment(error)) {
    const auto pid = base::ParseInt64(it->path().filename().string());
    if (!pid.has_value() || *pid <= 0 || *pid > INT_MAX || *pid == getpid() ||
        ProcessName(it->path()) != name) {
      continue;
    }
    if (kill(static_cast<pid_t>(*pid), SIGHUP) != 0) {
      return base::ErrnoStatus(errno, base::Concat("signalling process ", *pid));
    }
    return base::OkStatus();
  }
  return base::NotFound("no process named ", base::Quote(name));
}

}  // namespace thanos::promstore
