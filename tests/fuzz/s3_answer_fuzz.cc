// The first byte chooses who answers: a listing of either version, an error, the STS, the metadata service.
// What a listing gives is below its prefix and in order, and text that is escaped reads back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "objstore/internal/s3_error.h"
#include "objstore/internal/s3_list.h"
#include "objstore/internal/s3_roles.h"
#include "objstore/internal/xml.h"

namespace {

using namespace thanos::objstore::internal;  // NOLINT(google-build-using-namespace): a fuzz target of one
                                             // library

constexpr std::string_view kPrefix = "p/";

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void CheckList(bool v1, std::string_view body) {
  const auto page = ParseS3ListPage(v1, kPrefix, body);
  if (!page.ok()) {
    return;
  }
  Require(std::is_sorted(page->names.begin(), page->names.end()));
  for (const std::string& name : page->names) {
    Require(name.size() > kPrefix.size() && name.starts_with(kPrefix));
  }
  Require(!page->is_truncated || !page->next.empty());
}

void CheckXml(std::string_view text) {
  (void)ParseXml(text);
  const auto root = ParseXml("<a>" + XmlEscape(text) + "</a>");
  Require(root.ok() && root->text == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      CheckList(false, body);
      break;
    case 1:
      CheckList(true, body);
      break;
    case 2:
      (void)ReadS3Failure(data[0] < 128 ? 400 : 503, {{"Retry-After", std::string(body)}}, body);
      break;
    case 3:
      (void)ParseStsAnswer(data[0] < 128 ? 200 : 400, body);
      break;
    case 4:
      (void)ParseRoleAnswer(data[0] < 128 ? 200 : 400, body);
      break;
    default:
      CheckXml(body);
  }
  return 0;
}
