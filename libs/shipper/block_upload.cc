#include "shipper/block_upload.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <openssl/evp.h>
#include <system_error>
#include <utility>
#include <vector>

#include "concurrency/task_group.h"

namespace thanos::shipper {
namespace {

namespace fs = std::filesystem;

base::Status FileError(const std::error_code& error, std::string_view what, const fs::path& path) {
  return base::ErrnoStatus(error.value(), base::Concat(what, " ", path.string()));
}

// Names in `directory`, sorted.
base::StatusOr<std::vector<std::string>> ListFiles(const fs::path& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) {
    return FileError(error, "listing", directory);
  }
  std::sort(names.begin(), names.end());
  return names;
}

base::StatusOr<std::string> Sha256OfFile(const fs::path& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) {
    return base::ErrnoStatus(errno, base::Concat("opening ", path.string()));
  }
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool ok = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> buffer(256 * 1024);
  size_t count = 0;
  while (ok && (count = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0) {
    ok = EVP_DigestUpdate(context.get(), buffer.data(), count) == 1;
  }
  if (std::ferror(file.get()) != 0) {
    return base::Internal("reading ", path.string());
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_size = 0;
  if (!ok || EVP_DigestFinal_ex(context.get(), digest, &digest_size) != 1) {
    return base::Internal("computing the SHA-256 of ", path.string());
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < digest_size; ++i) {
    text.push_back(kHex[digest[i] >> 4]);
    text.push_back(kHex[digest[i] & 15]);
  }
  return text;
}

base::StatusOr<block::BlockFile> DescribeFile(const fs::path& directory, const std::string& rel_path,
                                              bool with_hash) {
  block::BlockFile file;
  file.rel_path = rel_path;
  std::error_code error;
  const auto size = fs::file_size(directory / rel_path, error);
  if (error) {
    return FileError(error, "size of", directory / rel_path);
  }
  file.size_bytes = static_cast<int64_t>(size);
  if (with_hash) {
    file.hash_function = "SHA256";
    TH_ASSIGN_OR_RETURN(file.hash_value, Sha256OfFile(directory / rel_path));
  }
  return file;
}

}  // namespace

base::Status LinkBlock(const std::string& block_directory, const std::string& target_directory) {
  const fs::path source(block_directory);
  const fs::path target(target_directory);
  std::error_code error;
  fs::remove_all(target, error);
  if (!error) {
    fs::create_directories(target / block::kChunksDirectory, error);
  }
  if (error) {
    return FileError(error, "creating", target);
  }
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListFiles(source / block::kChunksDirectory));
  std::vector<fs::path> files = {fs::path(block::kIndexFileName)};
  for (const std::string& segment : segments) {
    files.push_back(fs::path(block::kChunksDirectory) / segment);
  }
  for (const fs::path& file : files) {
    fs::create_hard_link(source / file, target / file, error);
    if (error) {
      return FileError(error, "hard-linking", source / file);
    }
  }
  return base::OkStatus();
}

base::Status DescribeFiles(const std::string& directory, bool with_hashes, block::Meta* meta) {
  const fs::path root(directory);
  TH_ASSIGN_OR_RETURN(std::vector<std::string> segments, ListFiles(root / block::kChunksDirectory));
  std::vector<block::BlockFile> files;
  for (const std::string& segment : segments) {
    TH_ASSIGN_OR_RETURN(block::BlockFile file,
                        DescribeFile(root, base::Concat(block::kChunksDirectory, "/", segment), with_hashes));
    files.push_back(std::move(file));
  }
  TH_ASSIGN_OR_RETURN(block::BlockFile index,
                      DescribeFile(root, std::string(block::kIndexFileName), with_hashes));
  files.push_back(std::move(index));
  // meta.json cannot hold its own size.
  block::BlockFile self;
  self.rel_path = std::string(block::kMetaFileName);
  files.push_back(std::move(self));
  if (!meta->thanos) {
    meta->thanos.emplace();
  }
  meta->thanos->segment_files = std::move(segments);
  meta->thanos->files = std::move(files);
  return base::OkStatus();
}

base::Status UploadBlock(const base::CancelToken& cancel, objstore::Bucket& bucket,
                         concurrency::ThreadPool& io_pool, int concurrency, const std::string& directory,
                         const block::Meta& meta) {
  if (meta.external_labels().empty()) {
    return base::FailedPrecondition("empty external labels are not allowed for Thanos block.");
  }
  const std::string id = meta.ulid.ToString();
  const std::vector<std::string>& segments = meta.thanos->segment_files;
  const auto upload = [&](const base::CancelToken& token, const std::string& rel_path) {
    return base::Annotate(
        bucket.UploadFile(token, base::Concat(id, "/", rel_path), base::Concat(directory, "/", rel_path)),
        "uploading ", id, "/", rel_path);
  };
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(
      io_pool, cancel, segments.size(), static_cast<size_t>(std::max(concurrency, 1)),
      [&](const base::CancelToken& token, size_t i) {
        return upload(token, base::Concat(block::kChunksDirectory, "/", segments[i]));
      }));
  TH_RETURN_IF_ERROR(upload(cancel, std::string(block::kIndexFileName)));
  return base::Annotate(bucket.Upload(cancel, block::MetaPath(meta.ulid), block::FormatMeta(meta)),
                        "uploading ", id, "/", block::kMetaFileName);
}

}  // namespace thanos::shipper
