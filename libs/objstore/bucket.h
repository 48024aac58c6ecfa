#pragma once

// Object storage: named immutable byte strings. Names use '/' as separator and never begin with one. All
// calls are thread-safe, block at most until the token's deadline, and verify lengths.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/status.h"

namespace thanos::objstore {

struct ObjectAttributes {
  int64_t size_bytes = 0;
  int64_t last_modified_ms = 0;
};

// One entry of a listing. Directories end with '/', and exist only as prefixes of objects.
struct ListEntry {
  std::string name;  // full name from the bucket's root
  bool is_directory() const { return name.ends_with('/'); }
};

struct ListOptions {
  bool recursive = false;
};

class Bucket {
 public:
  virtual ~Bucket() = default;

  // "FILESYSTEM", "S3", ... and the bucket's own name, for logs and metrics.
  virtual std::string_view provider() const = 0;
  virtual std::string_view name() const = 0;

  // Calls `visit` for each entry below `directory` ("" is the root; a trailing '/' is optional) in name
  // order. A listing is complete or an error; an error of `visit` ends it and is returned. A directory that
  // does not exist is empty.
  virtual base::Status List(const base::CancelToken& cancel, std::string_view directory,
                            const ListOptions& options,
                            const std::function<base::Status(const ListEntry&)>& visit) = 0;

  // The whole object. NotFound when there is none.
  virtual base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) = 0;
  // `length` bytes from `offset`; DataLoss or OutOfRange when the object has fewer, never a short answer.
  virtual base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                                     int64_t offset, int64_t length) = 0;
  virtual base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) = 0;
  virtual base::StatusOr<ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                                      std::string_view name) = 0;

  // Replaces or creates the object; it appears whole or not at all.
  virtual base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                              std::string_view content) = 0;
  // The same with the content of a local file.
  virtual base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                                  const std::string& local_path) = 0;
  // NotFound when there is none.
  virtual base::Status Delete(const base::CancelToken& cancel, std::string_view name) = 0;
};

}  // namespace thanos::objstore
