#include "block/markers.h"

#include "block/internal/json.h"
#include "telemetry/log.h"

namespace thanos::block {
namespace {

using internal::ReadMember;
using internal::SetMember;
using internal::ToValue;

// What all marks share; `time_key` is the name of the time's key.
struct CommonMark {
  model::Ulid id;
  std::string details;
  int64_t time_s = 0;
  std::string reason;
};

base::StatusOr<CommonMark> ParseMark(std::string_view json, const char* time_key) {
  rapidjson::Document document;
  TH_RETURN_IF_ERROR(internal::ParseJsonObject(json, &document));
  CommonMark mark;
  std::string id;
  int version = 0;
  TH_RETURN_IF_ERROR(ReadMember(document, "id", &id));
  TH_RETURN_IF_ERROR(ReadMember(document, "version", &version));
  TH_RETURN_IF_ERROR(ReadMember(document, "details", &mark.details));
  TH_RETURN_IF_ERROR(ReadMember(document, time_key, &mark.time_s));
  TH_RETURN_IF_ERROR(ReadMember(document, "reason", &mark.reason));
  if (version != 1) {
    return base::FailedPrecondition("unexpected mark version ", version, ", expected 1");
  }
  const auto ulid = model::Ulid::Parse(id);
  if (!ulid) {
    return base::DataLoss("mark id ", base::Quote(id), " is not a ULID");
  }
  mark.id = *ulid;
  return mark;
}

std::string Format(const CommonMark& mark, const char* time_key) {
  rapidjson::Document document;
  document.SetObject();
  auto& allocator = document.GetAllocator();
  SetMember(document, "id", ToValue(mark.id.ToString(), allocator), allocator);
  SetMember(document, "version", rapidjson::Value(1), allocator);
  if (!mark.details.empty()) {
    SetMember(document, "details", ToValue(mark.details, allocator), allocator);
  }
  SetMember(document, time_key, rapidjson::Value(mark.time_s), allocator);
  if (!mark.reason.empty()) {
    SetMember(document, "reason", ToValue(mark.reason, allocator), allocator);
  }
  return internal::FormatJson(document, "");
}

template <typename Mark>
base::StatusOr<std::optional<Mark>> Read(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                         const model::Ulid& ulid, std::string_view file_name,
                                         base::StatusOr<Mark> (*parse)(std::string_view)) {
  const std::string path = base::Concat(ulid.ToString(), "/", file_name);
  const auto content = bucket.Get(cancel, path);
  if (content.status().code() == base::StatusCode::kNotFound) {
    return std::optional<Mark>();
  }
  TH_RETURN_IF_ERROR(content.status());
  auto mark = parse(content->bytes);
  if (mark.ok()) {
    return std::optional<Mark>(*std::move(mark));
  }
  if (mark.status().code() == base::StatusCode::kDataLoss) {
    TH_LOG(kWarn, "ignoring unreadable mark").With("path", path).With("err", mark.status());
    return std::optional<Mark>();
  }
  return base::Annotate(mark.status(), path);
}

template <typename Mark>
base::StatusOr<bool> Write(const base::CancelToken& cancel, objstore::Bucket& bucket, const Mark& mark,
                           std::string_view file_name) {
  const std::string path = base::Concat(mark.id.ToString(), "/", file_name);
  TH_ASSIGN_OR_RETURN(const bool exists, bucket.Exists(cancel, path));
  if (exists) {
    return false;
  }
  TH_RETURN_IF_ERROR(base::Annotate(bucket.Upload(cancel, path, FormatMark(mark)), "writing ", path));
  return true;
}

}  // namespace

base::StatusOr<DeletionMark> ParseDeletionMark(std::string_view json) {
  TH_ASSIGN_OR_RETURN(CommonMark mark, ParseMark(json, "deletion_time"));
  return DeletionMark{mark.id, std::move(mark.details), mark.time_s};
}

base::StatusOr<NoCompactMark> ParseNoCompactMark(std::string_view json) {
  TH_ASSIGN_OR_RETURN(CommonMark mark, ParseMark(json, "no_compact_time"));
  return NoCompactMark{mark.id, std::move(mark.details), mark.time_s, std::move(mark.reason)};
}

base::StatusOr<NoDownsampleMark> ParseNoDownsampleMark(std::string_view json) {
  TH_ASSIGN_OR_RETURN(CommonMark mark, ParseMark(json, "no_downsample_time"));
  return NoDownsampleMark{mark.id, std::move(mark.details), mark.time_s, std::move(mark.reason)};
}

std::string FormatMark(const DeletionMark& mark) {
  return Format({mark.id, mark.details, mark.deletion_time_s, ""}, "deletion_time");
}

std::string FormatMark(const NoCompactMark& mark) {
  return Format({mark.id, mark.details, mark.no_compact_time_s, mark.reason}, "no_compact_time");
}

std::string FormatMark(const NoDownsampleMark& mark) {
  return Format({mark.id, mark.details, mark.no_downsample_time_s, mark.reason}, "no_downsample_time");
}

base::StatusOr<std::optional<DeletionMark>> ReadDeletionMark(const base::CancelToken& cancel,
                                                             objstore::Bucket& bucket,
                                                             const model::Ulid& ulid) {
  return Read(cancel, bucket, ulid, kDeletionMarkFileName, ParseDeletionMark);
}

base::StatusOr<std::optional<NoCompactMark>> ReadNoCompactMark(const base::CancelToken& cancel,
                                                               objstore::Bucket& bucket,
                                                               const model::Ulid& ulid) {
  return Read(cancel, bucket, ulid, kNoCompactMarkFileName, ParseNoCompactMark);
}

base::StatusOr<std::optional<NoDownsampleMark>> ReadNoDownsampleMark(const base::CancelToken& cancel,
                                                                     objstore::Bucket& bucket,
                                                                     const model::Ulid& ulid) {
  return Read(cancel, bucket, ulid, kNoDownsampleMarkFileName, ParseNoDownsampleMark);
}

base::StatusOr<bool> WriteMark(const base::CancelToken& cancel, objstore::Bucket& bucket,
                               const DeletionMark& mark) {
  return Write(cancel, bucket, mark, kDeletionMarkFileName);
}

base::StatusOr<bool> WriteMark(const base::CancelToken& cancel, objstore::Bucket& bucket,
                               const NoCompactMark& mark) {
  return Write(cancel, bucket, mark, kNoCompactMarkFileName);
}

base::StatusOr<bool> WriteMark(const base::CancelToken& cancel, objstore::Bucket& bucket,
                               const NoDownsampleMark& mark) {
  return Write(cancel, bucket, mark, kNoDownsampleMarkFileName);
}

}  // namespace thanos::block
