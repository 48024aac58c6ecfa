// The first byte chooses what the rest is: a whole index, an index-header, a postings list or a series entry.
// Checksums would stop the fuzzer at the door, so those of index and header are put right before reading.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "encoding/crc32c.h"
#include "index/index_header.h"
#include "index/postings.h"
#include "index/reader.h"
#include "index/series_decoder.h"

namespace {

using namespace thanos::index;  // NOLINT(google-build-using-namespace): a fuzz target of one library
namespace base = thanos::base;

void PutChecksum(std::string* bytes, size_t begin, size_t end) {
  if (begin > end || end > bytes->size() || bytes->size() - end < 4) {
    return;
  }
  std::string crc;
  base::AppendBigEndian32(crc, thanos::encoding::Crc32c(std::string_view(*bytes).substr(begin, end - begin)));
  bytes->replace(end, 4, crc);
}

void PutSectionChecksum(std::string* bytes, uint64_t section) {
  if (section > bytes->size() || bytes->size() - section < 8) {
    return;
  }
  const uint64_t length = base::LoadBigEndian32(bytes->data() + section);
  if (length <= bytes->size() - section - 8) {
    PutChecksum(bytes, section + 4, section + 4 + length);
  }
}

void ReadIndex(std::string bytes) {
  if (bytes.size() < kTocBytes) {
    return;
  }
  const size_t toc = bytes.size() - kTocBytes;
  PutChecksum(&bytes, toc, toc + 48);
  PutSectionChecksum(&bytes, base::LoadBigEndian64(bytes.data() + toc));
  PutSectionChecksum(&bytes, base::LoadBigEndian64(bytes.data() + toc + 40));
  const auto reader = Reader::Open(base::SharedBytes{bytes, nullptr});
  if (!reader.ok()) {
    return;
  }
  IndexSeries series;
  for (const std::string_view name : (*reader)->LabelNames()) {
    for (const std::string_view value : (*reader)->LabelValues(name)) {
      const auto refs = (*reader)->PostingsFor(name, value);
      if (refs.ok()) {
        for (const SeriesRef ref : *refs) {
          (void)(*reader)->Series(ref, &series);
        }
      }
    }
  }
}

void ReadHeader(std::string bytes) {
  if (bytes.size() < 20 + kTocBytes) {
    return;
  }
  const size_t footer = bytes.size() - 20;
  PutChecksum(&bytes, footer, footer + 16);
  PutChecksum(&bytes, footer - kTocBytes, footer - 4);
  PutSectionChecksum(&bytes, base::LoadBigEndian64(bytes.data() + footer));
  PutSectionChecksum(&bytes, base::LoadBigEndian64(bytes.data() + footer + 8));
  const auto header = IndexHeader::FromBytes(base::SharedBytes{bytes, nullptr});
  if (!header.ok()) {
    return;
  }
  for (const std::string_view name : (*header)->LabelNames()) {
    const auto values = (*header)->LabelValues(name);
    (void)(*header)->PostingsRanges(name, values);
  }
  for (uint32_t ref = 0; ref < 100; ++ref) {
    (void)(*header)->Symbol(ref);
  }
  (void)(*header)->symbols().Find("a");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      ReadIndex(std::move(bytes));
      break;
    case 1:
      ReadHeader(std::move(bytes));
      break;
    case 2:
      PutSectionChecksum(&bytes, 0);
      (void)DecodePostings(bytes, "list");
      break;
    default: {
      const auto entry_bytes = SeriesEntryBytes(bytes);
      if (entry_bytes.ok() && *entry_bytes <= bytes.size() && *entry_bytes < 0x80 + 5) {
        PutChecksum(&bytes, 1, *entry_bytes - 4);  // lengths of one byte
      }
      SeriesEntry entry;
      (void)DecodeSeries(bytes, 0, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                         &entry);
    }
  }
  return 0;
}
