#include "index/index_header.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

#include "encoding/crc32c.h"
#include "index/internal/output_file.h"
#include "index/mapped_file.h"

// File: magic 4, version 1, version of the index 1, position of the postings offset table in the index 8; the
// symbols section of the index; everything from the postings offset table of the index to its end; position
// of the symbols 8, position of the postings 8, CRC32 of these two.

namespace thanos::index {
namespace {

constexpr uint32_t kMagic = 0xBAAAD792;
constexpr char kVersion = 1;
constexpr size_t kHeaderBytes = 14;
constexpr size_t kHeaderTocBytes = 20;
// Ranges are read in pieces, so that building needs little memory.
constexpr uint64_t kPieceBytes = uint64_t{16} << 20;

using Sink = std::function<base::Status(std::string_view)>;

base::StatusOr<base::SharedBytes> ReadExactly(const RangeReader& read, uint64_t offset, uint64_t length) {
  TH_ASSIGN_OR_RETURN(base::SharedBytes bytes, read(offset, length));
  if (bytes.bytes.size() != length) {
    return base::DataLoss("index: read ", bytes.bytes.size(), " bytes at ", offset, " instead of ", length);
  }
  return bytes;
}

base::Status CopyRange(const RangeReader& read, uint64_t begin, uint64_t end, const Sink& write) {
  while (begin < end) {
    const uint64_t length = std::min(end - begin, kPieceBytes);
    TH_ASSIGN_OR_RETURN(const base::SharedBytes piece, ReadExactly(read, begin, length));
    TH_RETURN_IF_ERROR(write(piece.bytes));
    begin += length;
  }
  return base::OkStatus();
}

base::Status Produce(const RangeReader& read, uint64_t index_bytes, const Sink& write) {
  if (index_bytes < kIndexHeaderBytes + kTocBytes) {
    return base::DataLoss("index: ", index_bytes, " bytes are too few for an index");
  }
  TH_ASSIGN_OR_RETURN(const base::SharedBytes start, ReadExactly(read, 0, kIndexHeaderBytes));
  TH_ASSIGN_OR_RETURN(const int version, ParseIndexHeader(start.bytes));
  TH_ASSIGN_OR_RETURN(const base::SharedBytes end, ReadExactly(read, index_bytes - kTocBytes, kTocBytes));
  TH_ASSIGN_OR_RETURN(const Toc toc, ParseToc(end.bytes, index_bytes));

  std::string header;
  base::AppendBigEndian32(header, kMagic);
  header += kVersion;
  header += static_cast<char>(version);
  base::AppendBigEndian64(header, toc.postings_offset_table);
  TH_RETURN_IF_ERROR(write(header));
  TH_RETURN_IF_ERROR(CopyRange(read, toc.symbols, toc.series, write));
  TH_RETURN_IF_ERROR(CopyRange(read, toc.postings_offset_table, index_bytes, write));

  std::string footer;
  base::AppendBigEndian64(footer, kHeaderBytes);
  base::AppendBigEndian64(footer, kHeaderBytes + toc.series - toc.symbols);
  base::AppendBigEndian32(footer, encoding::Crc32c(footer));
  return write(footer);
}

}  // namespace

IndexHeader::IndexHeader(base::SharedBytes bytes, int index_version, const Toc& toc, SymbolTable symbols,
                         PostingsTable postings_table)
    : bytes_(std::move(bytes)),
      index_version_(index_version),
      toc_(toc),
      symbols_(std::move(symbols)),
      postings_table_(std::move(postings_table)) {}

base::Status IndexHeader::Build(const RangeReader& read, uint64_t index_bytes, const std::string& path) {
  const std::string temporary = path + ".tmp";
  TH_ASSIGN_OR_RETURN(const auto file, internal::OutputFile::Create(temporary));
  TH_RETURN_IF_ERROR(Produce(read, index_bytes, [&](std::string_view bytes) { return file->Append(bytes); }));
  TH_RETURN_IF_ERROR(file->Flush());
  TH_RETURN_IF_ERROR(Open(temporary).status());
  TH_RETURN_IF_ERROR(file->Finish());
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return base::ErrnoStatus(error, base::Concat("rename ", temporary));
  }
  return internal::SyncParentDirectory(path);
}

base::StatusOr<std::string> IndexHeader::BuildBytes(const RangeReader& read, uint64_t index_bytes) {
  std::string out;
  TH_RETURN_IF_ERROR(Produce(read, index_bytes, [&](std::string_view bytes) {
    out.append(bytes);
    return base::OkStatus();
  }));
  return out;
}

base::StatusOr<std::unique_ptr<IndexHeader>> IndexHeader::Open(const std::string& path, size_t sampling) {
  TH_ASSIGN_OR_RETURN(base::SharedBytes bytes, MapFile(path));
  auto header = FromBytes(std::move(bytes), sampling);
  if (!header.ok()) {
    return base::Annotate(header.status(), path);
  }
  return header;
}

base::StatusOr<std::unique_ptr<IndexHeader>> IndexHeader::FromBytes(base::SharedBytes shared,
                                                                    size_t sampling) {
  const std::string_view bytes = shared.bytes;
  if (bytes.size() < kHeaderBytes + kTocBytes + kHeaderTocBytes) {
    return base::DataLoss("index-header: only ", bytes.size(), " bytes");
  }
  if (base::LoadBigEndian32(bytes.data()) != kMagic || bytes[4] != kVersion) {
    return base::DataLoss("index-header: wrong magic number or version");
  }
  const int version = static_cast<unsigned char>(bytes[5]);
  if (version != 1 && version != 2) {
    return base::DataLoss("index-header: unknown index version ", version);
  }
  const uint64_t table_offset = base::LoadBigEndian64(bytes.data() + 6);
  const std::string_view footer = bytes.substr(bytes.size() - kHeaderTocBytes);
  if (encoding::Crc32c(footer.substr(0, 16)) != base::LoadBigEndian32(footer.data() + 16)) {
    return base::DataLoss("index-header: wrong checksum of its table of contents");
  }
  const uint64_t symbols = base::LoadBigEndian64(footer.data());
  const uint64_t postings = base::LoadBigEndian64(footer.data() + 8);
  const uint64_t postings_end = bytes.size() - kHeaderTocBytes - kTocBytes;
  if (symbols != kHeaderBytes || postings < symbols || postings > postings_end) {
    return base::DataLoss("index-header: sections out of order: symbols ", symbols, ", postings ", postings);
  }
  // The copy ends where the index ends, which gives the size of the index.
  uint64_t index_bytes = 0;
  if (__builtin_add_overflow(table_offset, bytes.size() - kHeaderTocBytes - postings, &index_bytes)) {
    return base::DataLoss("index-header: postings offset table at position ", table_offset);
  }
  TH_ASSIGN_OR_RETURN(const Toc toc, ParseToc(bytes.substr(postings_end, kTocBytes), index_bytes));
  if (toc.postings_offset_table != table_offset || toc.series - toc.symbols != postings - symbols) {
    return base::DataLoss("index-header: does not fit the table of contents of the index");
  }
  TH_ASSIGN_OR_RETURN(SymbolTable symbol_table,
                      SymbolTable::Open(bytes.substr(symbols, postings - symbols), version, toc.symbols));
  TH_ASSIGN_OR_RETURN(PostingsTable table,
                      PostingsTable::Open(bytes.substr(postings, postings_end - postings), version,
                                          toc.PostingsEnd(), sampling));
  return std::unique_ptr<IndexHeader>(
      new IndexHeader(std::move(shared), version, toc, std::move(symbol_table), std::move(table)));
}

std::vector<std::string_view> IndexHeader::LabelValues(std::string_view name) const {
  std::vector<std::string_view> values;
  if (!name.empty()) {
    postings_table_.VisitValues(name, {}, [&](std::string_view value, ByteRange) {
      values.push_back(value);
      return true;
    });
  }
  return values;
}

std::vector<ByteRange> IndexHeader::PostingsRanges(std::string_view name,
                                                   const std::vector<std::string_view>& values) const {
  std::vector<ByteRange> ranges;
  ranges.reserve(values.size());
  for (const std::string_view value : values) {
    ranges.push_back(postings_table_.Find(name, value).value_or(ByteRange{}));
  }
  return ranges;
}

ByteRange IndexHeader::AllPostingsRange() const {
  return postings_table_.Find({}, {}).value_or(ByteRange{});
}

}  // namespace thanos::index
