#pragma once

// The FILESYSTEM provider: one local directory, objects as files.

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "objstore/bucket.h"
#include "objstore/internal/mapped_files.h"

namespace thanos::objstore::internal {

// Objects must not be changed in place behind the bucket's back while they are read (replacing them by rename
// is fine): large ones are answered with views into a mapping of the file.
class FilesystemBucket final : public Bucket {
 public:
  // Creates `directory` when it is missing.
  static base::StatusOr<std::unique_ptr<FilesystemBucket>> Open(const std::string& directory);

  std::string_view provider() const override { return "FILESYSTEM"; }
  std::string_view name() const override { return root_; }

  base::Status List(const base::CancelToken& cancel, std::string_view directory, const ListOptions& options,
                    const std::function<base::Status(const ListEntry&)>& visit) override;
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override;
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                              std::string_view name) override;
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override;
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override;
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override;

 private:
  explicit FilesystemBucket(std::string root);

  // The absolute path of an object; refuses names that would leave the root or look like our own temporary
  // files.
  base::StatusOr<std::string> Path(const base::CancelToken& cancel, std::string_view name) const;
  // Writes through a temporary file in the target's directory. `fill` writes the content to the descriptor.
  base::Status WriteAside(const std::string& path, const std::function<base::Status(int)>& fill);
  // `length` < 0 means the whole object.
  base::StatusOr<base::SharedBytes> Read(const base::CancelToken& cancel, std::string_view name,
                                         int64_t offset, int64_t length);
  base::Status ListDirectory(const base::CancelToken& cancel, const std::string& prefix, bool recursive,
                             int depth, const std::function<base::Status(const ListEntry&)>& visit);

  const std::string root_;
  MappedFiles mappings_;
  std::atomic<uint64_t> next_temporary_{0};
};

}  // namespace thanos::objstore::internal
