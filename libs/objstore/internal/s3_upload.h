#pragma once

// Uploads to S3: one request, or several parts that become an object together.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "objstore/internal/s3_client.h"

namespace thanos::objstore::internal {

// Gives exactly the bytes asked for, or an error.
using ReadContent = std::function<base::StatusOr<std::string>(int64_t offset, int64_t length)>;

// Headers that name the customer's key; sent with everything that touches an object's bytes. Empty unless
// SSE-C.
std::vector<net::HttpHeader> CustomerKeyHeaders(const S3Config& config);

// Uploads `size` bytes as `name`. The object appears whole or not at all; parts that were stored before a
// failure are removed. Memory: about twice the part size.
base::Status UploadToS3(const base::CancelToken& cancel, S3Client& client, std::string_view name,
                        int64_t size, const ReadContent& read);

}  // namespace thanos::objstore::internal
