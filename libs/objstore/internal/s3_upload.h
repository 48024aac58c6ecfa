#pragma once

// Uploads to S3: one request, or several parts that become an object together.

#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "objstore/internal/s3_client.h"

namespace thanos::objstore::internal {

// Headers that name the customer's key; sent with everything that touches an object's bytes. Empty unless
// SSE-C.
std::vector<net::HttpHeader> CustomerKeyHeaders(const S3Config& config);

// Uploads `content` as `name`. The object appears whole or not at all; parts that were stored before a
// failure are removed. Several parts are sent at a time. Memory: some buffers of less than a MiB, whatever
// the size.
base::Status UploadToS3(const base::CancelToken& cancel, S3Client& client, std::string_view name,
                        const net::BodySource& content);

}  // namespace thanos::objstore::internal
