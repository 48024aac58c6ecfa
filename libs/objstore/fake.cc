#include "objstore/fake.h"

#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "objstore/internal/object_name.h"

namespace thanos::objstore {
namespace {

base::Status CheckCall(const base::CancelToken& cancel, std::string_view name) {
  TH_RETURN_IF_ERROR(cancel.status());
  return internal::CheckObjectName(name);
}

base::SharedBytes Damage(base::SharedBytes answer, const Fault& fault) {
  if (fault.cut_to_bytes < 0 && fault.flip_byte < 0) {
    return answer;
  }
  std::string bytes(answer.bytes);
  if (fault.cut_to_bytes >= 0) {
    bytes.resize(std::min(bytes.size(), static_cast<size_t>(fault.cut_to_bytes)));
  }
  if (fault.flip_byte >= 0 && static_cast<size_t>(fault.flip_byte) < bytes.size()) {
    char& flipped = bytes[static_cast<size_t>(fault.flip_byte)];
    flipped = static_cast<char>(~flipped);
  }
  return base::SharedBytes::FromString(std::move(bytes));
}

// The result, or the fault's error in its place.
template <typename Result>
Result Answer(const Fault& fault, Result result) {
  if (!fault.lost_answer.ok()) {
    return fault.lost_answer;
  }
  return result;
}

}  // namespace

base::Status MemoryBucket::List(const base::CancelToken& cancel, std::string_view directory,
                                const ListOptions& options,
                                const std::function<base::Status(const ListEntry&)>& visit) {
  TH_ASSIGN_OR_RETURN(std::string prefix, internal::CleanDirectory(directory));
  if (!prefix.empty()) {
    prefix.push_back('/');
  }
  std::vector<ListEntry> entries;
  {
    base::MutexLock lock(mutex_);
    for (auto object = objects_.lower_bound(prefix); object != objects_.end(); ++object) {
      const std::string_view name = object->first;
      if (!name.starts_with(prefix)) {
        break;
      }
      const size_t slash = name.find('/', prefix.size());
      const bool whole = options.recursive || slash == std::string_view::npos;
      ListEntry entry{std::string(whole ? name : name.substr(0, slash + 1))};
      if (entries.empty() || entries.back().name != entry.name) {
        entries.push_back(std::move(entry));
      }
    }
  }
  for (const ListEntry& entry : entries) {
    TH_RETURN_IF_ERROR(cancel.status());
    TH_RETURN_IF_ERROR(visit(entry));
  }
  return base::OkStatus();
}

base::StatusOr<MemoryBucket::Object> MemoryBucket::Find(const base::CancelToken& cancel,
                                                        std::string_view name) {
  TH_RETURN_IF_ERROR(CheckCall(cancel, name));
  base::MutexLock lock(mutex_);
  const auto object = objects_.find(name);
  if (object == objects_.end()) {
    return base::NotFound("object ", name, " does not exist");
  }
  return object->second;
}

base::StatusOr<base::SharedBytes> MemoryBucket::Get(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const Object object, Find(cancel, name));
  return base::SharedBytes{*object.content, object.content};
}

base::StatusOr<base::SharedBytes> MemoryBucket::GetRange(const base::CancelToken& cancel,
                                                         std::string_view name, int64_t offset,
                                                         int64_t length) {
  TH_ASSIGN_OR_RETURN(const Object object, Find(cancel, name));
  const auto size = static_cast<int64_t>(object.content->size());
  if (offset < 0 || length < 0 || offset > size || length > size - offset) {
    return base::OutOfRange("object ", name, ": range ", offset, "+", length, " of ", size, " bytes");
  }
  return base::SharedBytes{
      std::string_view(*object.content).substr(static_cast<size_t>(offset), static_cast<size_t>(length)),
      object.content};
}

base::StatusOr<bool> MemoryBucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  const auto object = Find(cancel, name);
  if (object.status().code() == base::StatusCode::kNotFound) {
    return false;
  }
  TH_RETURN_IF_ERROR(object.status());
  return true;
}

base::StatusOr<ObjectAttributes> MemoryBucket::Attributes(const base::CancelToken& cancel,
                                                          std::string_view name) {
  TH_ASSIGN_OR_RETURN(const Object object, Find(cancel, name));
  return ObjectAttributes{static_cast<int64_t>(object.content->size()), object.last_modified_ms};
}

base::Status MemoryBucket::Upload(const base::CancelToken& cancel, std::string_view name,
                                  std::string_view content) {
  TH_RETURN_IF_ERROR(CheckCall(cancel, name));
  Object object{std::make_shared<const std::string>(content), clock_.NowMs()};
  base::MutexLock lock(mutex_);
  objects_.insert_or_assign(std::string(name), std::move(object));
  return base::OkStatus();
}

base::Status MemoryBucket::UploadFile(const base::CancelToken& cancel, std::string_view name,
                                      const std::string& local_path) {
  std::ifstream file(local_path, std::ios::binary);
  if (!file) {
    return base::NotFound("upload ", name, ": cannot open ", local_path);
  }
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) {
    return base::Internal("upload ", name, ": cannot read ", local_path);
  }
  return Upload(cancel, name, content);
}

base::Status MemoryBucket::Delete(const base::CancelToken& cancel, std::string_view name) {
  TH_RETURN_IF_ERROR(CheckCall(cancel, name));
  base::MutexLock lock(mutex_);
  const auto object = objects_.find(name);
  if (object == objects_.end()) {
    return base::NotFound("object ", name, " does not exist");
  }
  objects_.erase(object);
  return base::OkStatus();
}

base::StatusOr<Fault> FaultBucket::Begin(const base::CancelToken& cancel, BucketCall call) {
  call.number = num_calls_++;
  Fault fault = plan_(call);
  if (fault.latency > base::Duration::zero() && !cancel.SleepFor(fault.latency)) {
    return cancel.status();
  }
  if (!fault.error.ok()) {
    return fault.error;
  }
  return fault;
}

base::Status FaultBucket::List(const base::CancelToken& cancel, std::string_view directory,
                               const ListOptions& options,
                               const std::function<base::Status(const ListEntry&)>& visit) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kList, .name = directory}));
  int64_t num_entries = 0;
  return Answer(fault, inner_.List(cancel, directory, options, [&](const ListEntry& entry) {
    return fault.max_entries >= 0 && num_entries++ >= fault.max_entries ? base::OkStatus() : visit(entry);
  }));
}

base::StatusOr<base::SharedBytes> FaultBucket::Get(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kGet, .name = name}));
  TH_ASSIGN_OR_RETURN(base::SharedBytes answer, Answer(fault, inner_.Get(cancel, name)));
  return Damage(std::move(answer), fault);
}

base::StatusOr<base::SharedBytes> FaultBucket::GetRange(const base::CancelToken& cancel,
                                                        std::string_view name, int64_t offset,
                                                        int64_t length) {
  TH_ASSIGN_OR_RETURN(
      const Fault fault,
      Begin(cancel, {.operation = BucketCall::Operation::kGetRange, .name = name, .offset = offset}));
  TH_ASSIGN_OR_RETURN(base::SharedBytes answer, Answer(fault, inner_.GetRange(cancel, name, offset, length)));
  return Damage(std::move(answer), fault);
}

base::StatusOr<bool> FaultBucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kExists, .name = name}));
  return Answer(fault, inner_.Exists(cancel, name));
}

base::StatusOr<ObjectAttributes> FaultBucket::Attributes(const base::CancelToken& cancel,
                                                         std::string_view name) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kAttributes, .name = name}));
  return Answer(fault, inner_.Attributes(cancel, name));
}

base::Status FaultBucket::Upload(const base::CancelToken& cancel, std::string_view name,
                                 std::string_view content) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kUpload, .name = name}));
  return Answer(fault, inner_.Upload(cancel, name, content));
}

base::Status FaultBucket::UploadFile(const base::CancelToken& cancel, std::string_view name,
                                     const std::string& local_path) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kUpload, .name = name}));
  return Answer(fault, inner_.UploadFile(cancel, name, local_path));
}

base::Status FaultBucket::Delete(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const Fault fault,
                      Begin(cancel, {.operation = BucketCall::Operation::kDelete, .name = name}));
  return Answer(fault, inner_.Delete(cancel, name));
}

}  // namespace thanos::objstore
