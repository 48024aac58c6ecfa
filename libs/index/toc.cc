#include "index/toc.h"

#include <algorithm>

#include "base/bytes.h"
#include "encoding/crc32c.h"

namespace thanos::index {

uint64_t Toc::PostingsEnd() const {
  uint64_t end = postings_offset_table;
  for (const uint64_t start : {label_indices, label_offset_table}) {
    if (start > postings) {
      end = std::min(end, start);
    }
  }
  return end;
}

base::StatusOr<int> ParseIndexHeader(std::string_view header) {
  if (header.size() < kIndexHeaderBytes) {
    return base::DataLoss("index: ", header.size(), " bytes are too few for a header");
  }
  if (base::LoadBigEndian32(header.data()) != kIndexMagic) {
    return base::DataLoss("index: wrong magic number");
  }
  const int version = static_cast<unsigned char>(header[4]);
  if (version != 1 && version != 2) {
    return base::Unimplemented("index: unknown version ", version);
  }
  return version;
}

base::StatusOr<Toc> ParseToc(std::string_view bytes, uint64_t index_bytes) {
  if (bytes.size() != kTocBytes || index_bytes < kTocBytes + kIndexHeaderBytes) {
    return base::DataLoss("index: ", index_bytes, " bytes are too few for a table of contents");
  }
  if (encoding::Crc32c(bytes.substr(0, 48)) != base::LoadBigEndian32(bytes.data() + 48)) {
    return base::DataLoss("index: wrong checksum of the table of contents");
  }
  Toc toc;
  size_t position = 0;
  for (uint64_t* field : {&toc.symbols, &toc.series, &toc.label_indices, &toc.label_offset_table,
                          &toc.postings, &toc.postings_offset_table}) {
    *field = base::LoadBigEndian64(bytes.data() + position);
    position += 8;
  }
  const bool ordered = toc.symbols >= kIndexHeaderBytes && toc.symbols < toc.series &&
                       toc.series <= toc.postings && toc.postings < toc.postings_offset_table &&
                       toc.postings_offset_table < index_bytes - kTocBytes;
  if (!ordered) {
    return base::DataLoss("index: table of contents has sections out of order: symbols ", toc.symbols,
                          ", series ", toc.series, ", postings ", toc.postings, ", postings offset table ",
                          toc.postings_offset_table, ", size ", index_bytes);
  }
  return toc;
}

void AppendToc(std::string& out, const Toc& toc) {
  const size_t begin = out.size();
  for (const uint64_t field : {toc.symbols, toc.series, toc.label_indices, toc.label_offset_table,
                               toc.postings, toc.postings_offset_table}) {
    base::AppendBigEndian64(out, field);
  }
  base::AppendBigEndian32(out, encoding::Crc32c(std::string_view(out).substr(begin)));
}

base::StatusOr<std::string_view> SectionBody(std::string_view bytes, std::string_view what) {
  if (bytes.size() < 8) {
    return base::DataLoss(what, ": cut off, ", bytes.size(), " bytes left");
  }
  const uint64_t length = base::LoadBigEndian32(bytes.data());
  if (length > bytes.size() - 8) {
    return base::DataLoss(what, ": cut off, length ", length, " with ", bytes.size(), " bytes left");
  }
  const std::string_view body = bytes.substr(4, length);
  if (encoding::Crc32c(body) != base::LoadBigEndian32(body.data() + length)) {
    return base::DataLoss(what, ": wrong checksum");
  }
  return body;
}

}  // namespace thanos::index
