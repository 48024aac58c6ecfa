#include "bucketstore/caching_bucket.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "block/markers.h"
#include "block/meta.h"
#include "bucketstore/internal/helped_for.h"

namespace thanos::bucketstore {
namespace {

constexpr std::string_view kYes = "true";
constexpr std::string_view kNo = "false";
constexpr const char* kConfigLabel = "config";

bool IsMetaFile(std::string_view name) {
  return name.ends_with(base::Concat('/', block::kMetaFileName)) ||
         name.ends_with(base::Concat('/', block::kDeletionMarkFileName));
}

// "<ULID>/chunks/<digits>".
bool IsChunkFile(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == name.size()) {
    return false;
  }
  const std::string_view directory = name.substr(0, slash);
  const std::string_view file = name.substr(slash + 1);
  return directory.ends_with(base::Concat('/', block::kChunksDirectory)) &&
         std::all_of(file.begin(), file.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "<size>:<last modified>".
std::string EncodeAttributes(const objstore::ObjectAttributes& attributes) {
  return base::Concat(attributes.size_bytes, ':', attributes.last_modified_ms);
}
std::optional<objstore::ObjectAttributes> DecodeAttributes(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto size = base::ParseInt64(text.substr(0, colon));
  const auto modified = base::ParseInt64(text.substr(colon + 1));
  if (!size || !modified || *size < 0) {
    return std::nullopt;
  }
  return objstore::ObjectAttributes{*size, *modified};
}

}  // namespace

CachingBucket::Operation::Operation(telemetry::Registry& metrics, const char* config, const char* operation)
    : requests(metrics.AddCounter("thanos_store_bucket_cache_operation_requests_total",
                                  "Number of requested operations matching given config.",
                                  {{kConfigLabel, config}, {"operation", operation}})),
      hits(metrics.AddCounter("thanos_store_bucket_cache_operation_hits_total",
                              "Number of operations served from cache for given config.",
                              {{kConfigLabel, config}, {"operation", operation}})) {}

CachingBucket::CachingBucket(const CachingBucketConfig& config, objstore::Bucket& inner, cache::Cache& cache,
                             concurrency::ThreadPool& pool, telemetry::Registry& metrics)
    : config_(config),
      inner_(inner),
      cache_(cache),
      pool_(pool),
      list_(metrics, "blocks-iter", "iter"),
      meta_exists_(metrics, "metafile", "exists"),
      meta_get_(metrics, "metafile", "get"),
      chunk_attributes_(metrics, "chunks", "attributes"),
      chunk_range_(metrics, "chunks", "getrange"),
      requested_bytes_(metrics.AddCounter("thanos_store_bucket_cache_getrange_requested_bytes_total",
                                          "Total number of bytes requested via GetRange.",
                                          {{kConfigLabel, "chunks"}})),
      bytes_from_cache_(metrics.AddCounter("thanos_store_bucket_cache_getrange_fetched_bytes_total",
                                           "Total number of bytes fetched because of GetRange operation. "
                                           "Data from bucket is then stored to cache.",
                                           {{kConfigLabel, "chunks"}, {"origin", "cache"}})),
      bytes_from_bucket_(metrics.AddCounter("thanos_store_bucket_cache_getrange_fetched_bytes_total",
                                            "Total number of bytes fetched because of GetRange operation. "
                                            "Data from bucket is then stored to cache.",
                                            {{kConfigLabel, "chunks"}, {"origin", "bucket"}})),
      refetched_bytes_from_cache_(metrics.AddCounter(
          "thanos_store_bucket_cache_getrange_refetched_bytes_total",
          "Total number of bytes re-fetched because of GetRange operation, despite being in "
          "cache already.",
          {{kConfigLabel, "chunks"}, {"origin", "cache"}})),
      refetched_bytes_from_bucket_(metrics.AddCounter(
          "thanos_store_bucket_cache_getrange_refetched_bytes_total",
          "Total number of bytes re-fetched because of GetRange operation, despite being in "
          "cache already.",
          {{kConfigLabel, "chunks"}, {"origin", "bucket"}})) {}

std::optional<base::SharedBytes> CachingBucket::Find(const base::CancelToken& cancel,
                                                     const std::string& key) {
  auto found = cache_.Fetch(cancel, std::span(&key, 1));
  const auto value = found.find(key);
  return value == found.end() ? std::nullopt : std::optional(std::move(value->second));
}

void CachingBucket::Keep(const std::string& key, std::string value, base::Duration ttl) {
  cache_.Store(key, base::SharedBytes::FromString(std::move(value)), ttl);
}

void CachingBucket::KeepExistence(std::string_view name, bool exists) {
  Keep(base::Concat("exists:", name), std::string(exists ? kYes : kNo),
       exists ? config_.meta_exists_ttl : config_.meta_absent_ttl);
}

base::Status CachingBucket::List(const base::CancelToken& cancel, std::string_view directory,
                                 const objstore::ListOptions& options,
                                 const std::function<base::Status(const objstore::ListEntry&)>& visit) {
  if (!directory.empty() && directory != "/") {
    return inner_.List(cancel, directory, options, visit);
  }
  list_.requests.Increment();
  // The name of the bucket, because several stores may share a cache.
  const std::string key = base::Concat(options.recursive ? "iter-recursive:" : "iter:", inner_.name());
  std::string names;
  if (const auto cached = Find(cancel, key)) {
    list_.hits.Increment();
    names = cached->bytes;
  } else {
    TH_RETURN_IF_ERROR(inner_.List(cancel, directory, options, [&](const objstore::ListEntry& entry) {
      base::Append(names, entry.name, '\n');
      return base::OkStatus();
    }));
    Keep(key, names, config_.blocks_listing_ttl);
  }
  for (size_t begin = 0; begin < names.size();) {
    const size_t end = std::min(names.find('\n', begin), names.size());
    TH_RETURN_IF_ERROR(visit({names.substr(begin, end - begin)}));
    begin = end + 1;
  }
  return base::OkStatus();
}

base::StatusOr<base::SharedBytes> CachingBucket::Get(const base::CancelToken& cancel, std::string_view name) {
  if (!IsMetaFile(name)) {
    return inner_.Get(cancel, name);
  }
  meta_get_.requests.Increment();
  const std::vector<std::string> keys = {base::Concat("content:", name), base::Concat("exists:", name)};
  auto cached = cache_.Fetch(cancel, keys);
  if (const auto content = cached.find(keys[0]); content != cached.end()) {
    meta_get_.hits.Increment();
    return content->second;
  }
  if (const auto exists = cached.find(keys[1]); exists != cached.end() && exists->second.bytes == kNo) {
    meta_get_.hits.Increment();
    return base::NotFound("object ", name, " does not exist");
  }
  auto content = inner_.Get(cancel, name);
  if (content.ok()) {
    KeepExistence(name, true);
    if (static_cast<int64_t>(content->bytes.size()) <= config_.max_meta_bytes) {
      cache_.Store(keys[0], *content, config_.meta_content_ttl);
    }
  } else if (content.status().code() == base::StatusCode::kNotFound) {
    KeepExistence(name, false);
  }
  return content;
}

base::StatusOr<bool> CachingBucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  if (!IsMetaFile(name)) {
    return inner_.Exists(cancel, name);
  }
  meta_exists_.requests.Increment();
  const auto cached = Find(cancel, base::Concat("exists:", name));
  if (cached && (cached->bytes == kYes || cached->bytes == kNo)) {
    meta_exists_.hits.Increment();
    return cached->bytes == kYes;
  }
  TH_ASSIGN_OR_RETURN(const bool exists, inner_.Exists(cancel, name));
  KeepExistence(name, exists);
  return exists;
}

base::StatusOr<objstore::ObjectAttributes> CachingBucket::Attributes(const base::CancelToken& cancel,
                                                                     std::string_view name) {
  if (!IsChunkFile(name)) {
    return inner_.Attributes(cancel, name);
  }
  chunk_attributes_.requests.Increment();
  const std::string key = base::Concat("attrs:", name);
  if (const auto cached = Find(cancel, key)) {
    if (const auto attributes = DecodeAttributes(cached->bytes)) {
      chunk_attributes_.hits.Increment();
      return *attributes;
    }
  }
  TH_ASSIGN_OR_RETURN(const objstore::ObjectAttributes attributes, inner_.Attributes(cancel, name));
  Keep(key, EncodeAttributes(attributes), config_.chunk_attributes_ttl);
  return attributes;
}

// The pieces that cover a range of an object.
struct CachingBucket::Pieces {
  int64_t first_begin = 0;  // of the first piece
  int64_t piece_bytes = 0;
  int64_t object_bytes = 0;
  std::vector<std::string> keys = {};
  std::vector<base::SharedBytes> bytes = {};  // without owner: missing

  int64_t begin(size_t i) const { return first_begin + static_cast<int64_t>(i) * piece_bytes; }
  int64_t end(size_t i) const { return std::min(begin(i) + piece_bytes, object_bytes); }
};

base::Status CachingBucket::FetchMissing(const base::CancelToken& cancel, std::string_view name,
                                         Pieces* pieces) {
  struct Run {
    size_t begin = 0;  // pieces [begin, end)
    size_t end = 0;
  };
  std::vector<Run> runs;
  for (size_t i = 0; i < pieces->bytes.size(); ++i) {
    if (pieces->bytes[i].owner != nullptr) {
      continue;
    }
    if (!runs.empty() && runs.back().end == i) {
      runs.back().end = i + 1;
    } else {
      runs.push_back({i, i + 1});
    }
  }
  // Too many reads: the runs that lie closest together become one, what is between them is read again.
  while (config_.max_chunk_reads > 0 && static_cast<int64_t>(runs.size()) > config_.max_chunk_reads) {
    size_t closest = 1;
    for (size_t i = 2; i < runs.size(); ++i) {
      if (runs[i].begin - runs[i - 1].end < runs[closest].begin - runs[closest - 1].end) {
        closest = i;
      }
    }
    runs[closest - 1].end = runs[closest].end;
    runs.erase(runs.begin() + static_cast<ptrdiff_t>(closest));
  }
  const auto read_run = [&](const base::CancelToken& token, size_t number) -> base::Status {
    const Run& run = runs[number];
    const int64_t begin = pieces->begin(run.begin);
    const int64_t length = pieces->end(run.end - 1) - begin;
    TH_ASSIGN_OR_RETURN(const base::SharedBytes bytes, inner_.GetRange(token, name, begin, length));
    if (static_cast<int64_t>(bytes.bytes.size()) != length) {
      return base::DataLoss("object ", name, ": read ", bytes.bytes.size(), " of ", length, " bytes");
    }
    for (size_t i = run.begin; i < run.end; ++i) {
      const auto offset = static_cast<size_t>(pieces->begin(i) - begin);
      const auto size = static_cast<size_t>(pieces->end(i) - pieces->begin(i));
      if (pieces->bytes[i].owner != nullptr) {
        refetched_bytes_from_bucket_.Increment(static_cast<double>(size));
        continue;
      }
      // A copy, so that a cached piece does not keep the whole read in memory.
      pieces->bytes[i] = base::SharedBytes::FromString(std::string(bytes.bytes.substr(offset, size)));
      bytes_from_bucket_.Increment(static_cast<double>(size));
      cache_.Store(pieces->keys[i], pieces->bytes[i], config_.chunk_subrange_ttl);
    }
    return base::OkStatus();
  };
  return internal::HelpedFor(pool_, cancel, runs.size(), std::max<size_t>(runs.size(), 1), read_run);
}

base::StatusOr<base::SharedBytes> CachingBucket::GetRange(const base::CancelToken& cancel,
                                                          std::string_view name, int64_t offset,
                                                          int64_t length) {
  if (!IsChunkFile(name) || config_.chunk_subrange_bytes <= 0 || length <= 0 || offset < 0) {
    return inner_.GetRange(cancel, name, offset, length);
  }
  TH_ASSIGN_OR_RETURN(const objstore::ObjectAttributes attributes, Attributes(cancel, name));
  const int64_t size = attributes.size_bytes;
  if (offset > size || length > size - offset) {
    // The cached size may be wrong; the bucket knows.
    return inner_.GetRange(cancel, name, offset, length);
  }
  requested_bytes_.Increment(static_cast<double>(length));
  Pieces pieces{.first_begin = offset - offset % config_.chunk_subrange_bytes,
                .piece_bytes = config_.chunk_subrange_bytes,
                .object_bytes = size};
  for (int64_t begin = pieces.first_begin; begin < offset + length; begin += pieces.piece_bytes) {
    pieces.keys.push_back(base::Concat("subrange:", name, ':', begin, ':', pieces.end(pieces.keys.size())));
  }
  pieces.bytes.resize(pieces.keys.size());
  chunk_range_.requests.Increment(static_cast<double>(pieces.keys.size()));
  const auto cached = cache_.Fetch(cancel, pieces.keys);
  for (size_t i = 0; i < pieces.keys.size(); ++i) {
    const auto value = cached.find(pieces.keys[i]);
    if (value != cached.end() &&
        static_cast<int64_t>(value->second.bytes.size()) == pieces.end(i) - pieces.begin(i)) {
      pieces.bytes[i] = value->second;
      chunk_range_.hits.Increment();
      bytes_from_cache_.Increment(static_cast<double>(value->second.bytes.size()));
    }
  }
  TH_RETURN_IF_ERROR(FetchMissing(cancel, name, &pieces));
  const auto skipped = static_cast<size_t>(offset - pieces.first_begin);
  if (pieces.bytes.size() == 1) {
    base::SharedBytes answer = pieces.bytes[0];
    answer.bytes = answer.bytes.substr(skipped, static_cast<size_t>(length));
    return answer;
  }
  std::string answer;
  answer.reserve(static_cast<size_t>(length));
  for (size_t i = 0; i < pieces.bytes.size(); ++i) {
    const std::string_view piece = pieces.bytes[i].bytes.substr(i == 0 ? skipped : 0);
    answer += piece.substr(0, static_cast<size_t>(length) - answer.size());
  }
  return base::SharedBytes::FromString(std::move(answer));
}

}  // namespace thanos::bucketstore
