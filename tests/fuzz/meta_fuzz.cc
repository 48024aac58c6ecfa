// The first byte chooses: meta.json or one of the marks. What parses must format to something that parses to
// the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "block/markers.h"
#include "block/meta.h"

namespace {

using namespace thanos::block;  // NOLINT(google-build-using-namespace): a fuzz target of one library

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void CheckMeta(std::string_view json) {
  const auto meta = ParseMeta(json);
  if (!meta.ok()) {
    return;
  }
  (void)meta->UploadTimeMs();
  const std::string text = FormatMeta(*meta);
  const auto again = ParseMeta(text);
  Require(again.ok());
  Require(again->ulid == meta->ulid && again->min_time_ms == meta->min_time_ms &&
          again->max_time_ms == meta->max_time_ms && again->thanos.has_value() == meta->thanos.has_value() &&
          thanos::labels::Equal(again->external_labels(), meta->external_labels()));
  Require(FormatMeta(*again) == text);
}

template <typename Mark>
void CheckMark(const thanos::base::StatusOr<Mark>& mark,
               thanos::base::StatusOr<Mark> (*parse)(std::string_view)) {
  if (mark.ok()) {
    const auto again = parse(FormatMark(*mark));
    Require(again.ok() && *again == *mark);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      CheckMeta(json);
      break;
    case 1:
      CheckMark<DeletionMark>(ParseDeletionMark(json), ParseDeletionMark);
      break;
    case 2:
      CheckMark<NoCompactMark>(ParseNoCompactMark(json), ParseNoCompactMark);
      break;
    default:
      CheckMark<NoDownsampleMark>(ParseNoDownsampleMark(json), ParseNoDownsampleMark);
  }
  return 0;
}
