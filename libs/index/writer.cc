#include "index/writer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "index/internal/output_file.h"
#include "index/mapped_file.h"
#include "index/toc.h"
#include "labels/symbols.h"

// Layout: header, symbols, series (each at a multiple of 16), [label indices], postings (each list at a
// multiple of 4), [label offset table], postings offset table, table of contents. Sections are: length 4,
// body, CRC32 of the body.

namespace thanos::index {
namespace {

constexpr uint64_t kSeriesAlignment = 16;
constexpr uint64_t kListAlignment = 4;

uint64_t PairKey(const SymbolPair& pair) {
  return uint64_t{pair.name} << 32 | pair.value;
}

}  // namespace

class Writer::Impl {
 public:
  Impl(std::unique_ptr<internal::OutputFile> file, const WriterOptions& options)
      : file_(std::move(file)), options_(options) {}

  base::Status Start();
  base::Status AddSymbol(std::string_view symbol);
  base::Status SetSymbols(std::span<const std::string_view> symbols);
  base::Status AddSeries(labels::LabelSpan labels, std::span<const ChunkMeta> chunks);
  base::Status AddSeries(std::span<const SymbolPair> labels, std::span<const ChunkMeta> chunks);
  base::Status Finish();

  uint64_t num_series() const { return refs_.size(); }
  uint64_t max_series_bytes = 0;

 private:
  // All occurrences of one label pair.
  struct Pair {
    SymbolPair symbols;
    uint32_t num_series = 0;
    uint64_t list_offset = 0;
  };

  base::Status WriteSymbols();
  base::Status BeginSection();
  base::Status Put(std::string_view bytes);
  base::Status Put32(uint32_t value);
  base::Status EndSection();
  size_t num_symbols() const { return symbols_.size() + given_symbols_.size(); }
  std::string_view Symbol(uint32_t number) const {
    return given_symbols_.empty() ? symbols_.Get(number) : given_symbols_[number];
  }
  std::string Describe(std::span<const SymbolPair> labels) const;
  base::Status Resolve(labels::LabelSpan labels);
  base::Status CheckOrder() const;
  base::Status WriteSeries(std::span<const ChunkMeta> chunks);
  void CollectPairs();
  size_t EndOfName(size_t begin) const;
  base::Status WriteLabelIndices();
  base::Status WriteLabelOffsetTable();
  base::Status WritePostings();
  base::Status WritePass(std::string_view series_section, size_t begin, size_t end);
  base::Status WriteList(std::span<const SeriesRef> refs, uint64_t* offset);
  base::Status WritePostingsOffsetTable();

  std::unique_ptr<internal::OutputFile> file_;
  const WriterOptions options_;
  Toc toc_;
  // One of them is empty; numbers are those of the file.
  labels::SymbolTable symbols_;
  std::span<const std::string_view> given_symbols_;
  bool symbols_written_ = false;

  uint64_t section_begin_ = 0;
  uint32_t section_crc_ = 0;

  std::vector<SymbolPair> current_;
  std::optional<std::vector<SymbolPair>> previous_;
  std::string body_;
  Postings refs_;
  absl::flat_hash_map<uint64_t, uint32_t> counts_;  // label pair -> series; later -> index in pairs_
  std::vector<Pair> pairs_;                         // by name and value
  std::vector<std::pair<uint32_t, uint64_t>> label_indices_;  // name symbol, position
  uint64_t all_list_offset_ = 0;
};

base::Status Writer::Impl::Start() {
  std::string header;
  base::AppendBigEndian32(header, kIndexMagic);
  header += '\x02';
  return file_->Append(header);
}

base::Status Writer::Impl::BeginSection() {
  section_begin_ = file_->position();
  section_crc_ = 0;
  return file_->Append(std::string_view("\0\0\0\0", 4));
}

base::Status Writer::Impl::Put(std::string_view bytes) {
  section_crc_ = encoding::ExtendCrc32c(section_crc_, bytes);
  return file_->Append(bytes);
}

base::Status Writer::Impl::Put32(uint32_t value) {
  const uint32_t swapped = __builtin_bswap32(value);
  return Put({reinterpret_cast<const char*>(&swapped), sizeof(swapped)});
}

base::Status Writer::Impl::EndSection() {
  const uint64_t length = file_->position() - section_begin_ - 4;
  if (length > std::numeric_limits<uint32_t>::max()) {
    return base::ResourceExhausted(file_->path(), ": section of ", length, " bytes, the format allows 4 GiB");
  }
  std::string field;
  base::AppendBigEndian32(field, static_cast<uint32_t>(length));
  TH_RETURN_IF_ERROR(file_->Patch(section_begin_, field));
  field.clear();
  base::AppendBigEndian32(field, section_crc_);
  return file_->Append(field);
}

base::Status Writer::Impl::AddSymbol(std::string_view symbol) {
  if (symbols_written_ || !given_symbols_.empty()) {
    return base::InvalidArgument("index writer: symbol after the first series");
  }
  const auto size = static_cast<uint32_t>(symbols_.size());
  if (size > 0 && symbols_.Get(size - 1) >= symbol) {
    return base::InvalidArgument("index writer: symbol ", base::Quote(symbol), " out of order");
  }
  symbols_.Intern(symbol);
  return base::OkStatus();
}

base::Status Writer::Impl::SetSymbols(std::span<const std::string_view> symbols) {
  if (symbols_written_ || num_symbols() > 0) {
    return base::InvalidArgument("index writer: symbols given twice");
  }
  for (size_t i = 1; i < symbols.size(); ++i) {
    if (symbols[i - 1] >= symbols[i]) {
      return base::InvalidArgument("index writer: symbol ", base::Quote(symbols[i]), " out of order");
    }
  }
  given_symbols_ = symbols;
  return base::OkStatus();
}

base::Status Writer::Impl::WriteSymbols() {
  symbols_written_ = true;
  toc_.symbols = file_->position();
  TH_RETURN_IF_ERROR(BeginSection());
  TH_RETURN_IF_ERROR(Put32(static_cast<uint32_t>(num_symbols())));
  std::string entry;
  for (uint32_t i = 0; i < num_symbols(); ++i) {
    entry.clear();
    encoding::AppendUvarint(entry, Symbol(i).size());
    entry += Symbol(i);
    TH_RETURN_IF_ERROR(Put(entry));
  }
  TH_RETURN_IF_ERROR(EndSection());
  toc_.series = file_->position();
  return base::OkStatus();
}

base::Status Writer::Impl::Resolve(labels::LabelSpan labels) {
  current_.clear();
  for (const labels::LabelView& label : labels) {
    const auto name = symbols_.Find(label.name);
    const auto value = symbols_.Find(label.value);
    if (!name || !value) {
      return base::InvalidArgument("index writer: series ", labels::ToString(labels), ": ",
                                   base::Quote(name ? label.value : label.name), " is not a symbol");
    }
    current_.push_back({*name, *value});
  }
  return base::OkStatus();
}

std::string Writer::Impl::Describe(std::span<const SymbolPair> labels) const {
  std::vector<labels::LabelView> views;
  for (const SymbolPair& pair : labels) {
    views.push_back({Symbol(pair.name), Symbol(pair.value)});
  }
  return labels::ToString(views);
}

// Symbols ascend, so their numbers compare like the strings.
base::Status Writer::Impl::CheckOrder() const {
  for (size_t i = 1; i < current_.size(); ++i) {
    if (current_[i - 1].name >= current_[i].name) {
      return base::InvalidArgument("index writer: series ", Describe(current_), ": labels out of order");
    }
  }
  const auto less = [](const SymbolPair& a, const SymbolPair& b) { return PairKey(a) < PairKey(b); };
  if (previous_ && !std::ranges::lexicographical_compare(*previous_, current_, less)) {
    return base::InvalidArgument("index writer: series ", Describe(current_), " out of order");
  }
  return base::OkStatus();
}

base::Status Writer::Impl::AddSeries(labels::LabelSpan labels, std::span<const ChunkMeta> chunks) {
  TH_RETURN_IF_ERROR(Resolve(labels));
  return WriteSeries(chunks);
}

base::Status Writer::Impl::AddSeries(std::span<const SymbolPair> labels, std::span<const ChunkMeta> chunks) {
  const size_t limit = num_symbols();
  for (const SymbolPair& pair : labels) {
    if (pair.name >= limit || pair.value >= limit) {
      return base::InvalidArgument("index writer: there is no symbol ", std::max(pair.name, pair.value));
    }
  }
  current_.assign(labels.begin(), labels.end());
  return WriteSeries(chunks);
}

// Writes the series with labels current_.
base::Status Writer::Impl::WriteSeries(std::span<const ChunkMeta> chunks) {
  if (!symbols_written_) {
    TH_RETURN_IF_ERROR(WriteSymbols());
  }
  TH_RETURN_IF_ERROR(CheckOrder());
  TH_RETURN_IF_ERROR(file_->Pad(kSeriesAlignment));
  const uint64_t ref = file_->position() / kSeriesAlignment;
  if (ref > std::numeric_limits<SeriesRef>::max()) {
    return base::ResourceExhausted(file_->path(), ": the format allows 64 GiB");
  }
  body_.clear();
  encoding::AppendUvarint(body_, current_.size());
  for (const SymbolPair& pair : current_) {
    encoding::AppendUvarint(body_, pair.name);
    encoding::AppendUvarint(body_, pair.value);
    ++counts_[PairKey(pair)];
  }
  encoding::AppendUvarint(body_, chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& chunk = chunks[i];
    if (chunk.max_time_ms < chunk.min_time_ms) {
      return base::InvalidArgument("index writer: series ", Describe(current_),
                                   ": chunk ends before it starts");
    }
    const auto min_time = static_cast<uint64_t>(chunk.min_time_ms);
    if (i == 0) {
      encoding::AppendVarint(body_, chunk.min_time_ms);
    } else {
      encoding::AppendUvarint(body_, min_time - static_cast<uint64_t>(chunks[i - 1].max_time_ms));
    }
    encoding::AppendUvarint(body_, static_cast<uint64_t>(chunk.max_time_ms) - min_time);
    if (i == 0) {
      encoding::AppendUvarint(body_, chunk.ref);
    } else {
      encoding::AppendVarint(body_, static_cast<int64_t>(chunk.ref - chunks[i - 1].ref));
    }
  }
  char length[encoding::kMaxVarintBytes];
  const auto length_bytes = static_cast<size_t>(encoding::WriteUvarint(length, body_.size()) - length);
  base::AppendBigEndian32(body_, encoding::Crc32c(body_));
  TH_RETURN_IF_ERROR(file_->Append({length, length_bytes}));
  TH_RETURN_IF_ERROR(file_->Append(body_));
  max_series_bytes = std::max<uint64_t>(max_series_bytes, length_bytes + body_.size());
  refs_.push_back(static_cast<SeriesRef>(ref));
  if (!previous_) {
    previous_.emplace();
  }
  previous_->swap(current_);
  return base::OkStatus();
}

void Writer::Impl::CollectPairs() {
  pairs_.reserve(counts_.size());
  for (const auto& [key, count] : counts_) {
    pairs_.push_back({{static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key)}, count, 0});
  }
  std::ranges::sort(pairs_, {}, [](const Pair& pair) { return PairKey(pair.symbols); });
  for (size_t i = 0; i < pairs_.size(); ++i) {
    counts_[PairKey(pairs_[i].symbols)] = static_cast<uint32_t>(i);
  }
}

size_t Writer::Impl::EndOfName(size_t begin) const {
  size_t end = begin;
  while (end < pairs_.size() && pairs_[end].symbols.name == pairs_[begin].symbols.name) {
    ++end;
  }
  return end;
}

base::Status Writer::Impl::WriteLabelIndices() {
  for (size_t begin = 0; begin < pairs_.size();) {
    const size_t end = EndOfName(begin);
    TH_RETURN_IF_ERROR(file_->Pad(kListAlignment));
    label_indices_.emplace_back(pairs_[begin].symbols.name, file_->position());
    TH_RETURN_IF_ERROR(BeginSection());
    TH_RETURN_IF_ERROR(Put32(1));  // label names per index
    TH_RETURN_IF_ERROR(Put32(static_cast<uint32_t>(end - begin)));
    for (; begin < end; ++begin) {
      TH_RETURN_IF_ERROR(Put32(pairs_[begin].symbols.value));
    }
    TH_RETURN_IF_ERROR(EndSection());
  }
  return base::OkStatus();
}

base::Status Writer::Impl::WriteLabelOffsetTable() {
  TH_RETURN_IF_ERROR(BeginSection());
  TH_RETURN_IF_ERROR(Put32(static_cast<uint32_t>(label_indices_.size())));
  std::string entry;
  for (const auto& [name, offset] : label_indices_) {
    entry = '\x01';  // strings per entry
    encoding::AppendUvarint(entry, Symbol(name).size());
    entry += Symbol(name);
    encoding::AppendUvarint(entry, offset);
    TH_RETURN_IF_ERROR(Put(entry));
  }
  return EndSection();
}

base::Status Writer::Impl::WriteList(std::span<const SeriesRef> refs, uint64_t* offset) {
  TH_RETURN_IF_ERROR(file_->Pad(kListAlignment));
  *offset = file_->position();
  TH_RETURN_IF_ERROR(BeginSection());
  TH_RETURN_IF_ERROR(Put32(static_cast<uint32_t>(refs.size())));
  std::array<uint32_t, 1024> swapped{};
  while (!refs.empty()) {
    const size_t count = std::min(refs.size(), swapped.size());
    std::transform(refs.begin(), refs.begin() + static_cast<ptrdiff_t>(count), swapped.begin(),
                   [](SeriesRef ref) { return __builtin_bswap32(ref); });
    TH_RETURN_IF_ERROR(Put({reinterpret_cast<const char*>(swapped.data()), count * sizeof(uint32_t)}));
    refs = refs.subspan(count);
  }
  return EndSection();
}

base::Status Writer::Impl::WritePostings() {
  TH_RETURN_IF_ERROR(WriteList(refs_, &all_list_offset_));
  // The series written so far are read back, in as many passes as the memory limit asks for.
  TH_RETURN_IF_ERROR(file_->Flush());
  TH_ASSIGN_OR_RETURN(const base::SharedBytes written, MapFile(file_->path()));
  for (size_t begin = 0; begin < pairs_.size();) {
    uint64_t num_refs = 0;
    size_t end = begin;
    while (end < pairs_.size()) {
      const size_t end_of_name = EndOfName(end);
      uint64_t of_name = 0;
      for (size_t i = end; i < end_of_name; ++i) {
        of_name += pairs_[i].num_series;
      }
      if (end > begin && num_refs + of_name > options_.max_postings_in_memory) {
        break;
      }
      num_refs += of_name;
      end = end_of_name;
    }
    TH_RETURN_IF_ERROR(WritePass(written.bytes, begin, end));
    begin = end;
  }
  return base::OkStatus();
}

// Counting sort of the references of pairs [begin, end) by pair.
base::Status Writer::Impl::WritePass(std::string_view written, size_t begin, size_t end) {
  std::vector<uint64_t> next(end - begin);
  uint64_t total = 0;
  for (size_t i = begin; i < end; ++i) {
    next[i - begin] = total;
    total += pairs_[i].num_series;
  }
  Postings lists(total);
  const uint32_t first_name = pairs_[begin].symbols.name;
  const uint32_t last_name = pairs_[end - 1].symbols.name;
  SeriesEntry entry;
  for (const SeriesRef ref : refs_) {
    const uint64_t offset = SeriesOffset(2, ref);
    TH_RETURN_IF_ERROR(DecodeSeries(written.substr(offset), offset, 0, 0, &entry).status());
    for (const SymbolPair& pair : entry.labels) {
      if (pair.name >= first_name && pair.name <= last_name) {
        lists[next[counts_[PairKey(pair)] - begin]++] = ref;
      }
    }
  }
  std::span<const SeriesRef> rest = lists;
  for (size_t i = begin; i < end; ++i) {
    TH_RETURN_IF_ERROR(WriteList(rest.first(pairs_[i].num_series), &pairs_[i].list_offset));
    rest = rest.subspan(pairs_[i].num_series);
  }
  return base::OkStatus();
}

base::Status Writer::Impl::WritePostingsOffsetTable() {
  TH_RETURN_IF_ERROR(BeginSection());
  TH_RETURN_IF_ERROR(Put32(static_cast<uint32_t>(pairs_.size() + 1)));
  std::string entry;
  const auto put = [&](std::string_view name, std::string_view value, uint64_t offset) {
    entry = '\x02';  // strings per entry
    for (const std::string_view text : {name, value}) {
      encoding::AppendUvarint(entry, text.size());
      entry += text;
    }
    encoding::AppendUvarint(entry, offset);
    return Put(entry);
  };
  TH_RETURN_IF_ERROR(put({}, {}, all_list_offset_));
  for (const Pair& pair : pairs_) {
    TH_RETURN_IF_ERROR(put(Symbol(pair.symbols.name), Symbol(pair.symbols.value), pair.list_offset));
  }
  return EndSection();
}

base::Status Writer::Impl::Finish() {
  if (!symbols_written_) {
    TH_RETURN_IF_ERROR(WriteSymbols());
  }
  CollectPairs();
  toc_.label_indices = file_->position();
  if (options_.label_indices) {
    TH_RETURN_IF_ERROR(WriteLabelIndices());
  }
  toc_.postings = file_->position();
  TH_RETURN_IF_ERROR(WritePostings());
  toc_.label_offset_table = file_->position();
  if (options_.label_indices) {
    TH_RETURN_IF_ERROR(WriteLabelOffsetTable());
  }
  toc_.postings_offset_table = file_->position();
  TH_RETURN_IF_ERROR(WritePostingsOffsetTable());
  std::string toc;
  AppendToc(toc, toc_);
  TH_RETURN_IF_ERROR(file_->Append(toc));
  return file_->Finish();
}

base::StatusOr<std::unique_ptr<Writer>> Writer::Create(const std::string& path,
                                                       const WriterOptions& options) {
  TH_ASSIGN_OR_RETURN(auto file, internal::OutputFile::Create(path));
  auto impl = std::make_unique<Impl>(std::move(file), options);
  TH_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Writer>(new Writer(std::move(impl)));
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::~Writer() = default;

base::Status Writer::AddSymbol(std::string_view symbol) {
  return impl_->AddSymbol(symbol);
}
base::Status Writer::AddSeries(labels::LabelSpan labels, std::span<const ChunkMeta> chunks) {
  return impl_->AddSeries(labels, chunks);
}
base::Status Writer::SetSymbols(std::span<const std::string_view> symbols) {
  return impl_->SetSymbols(symbols);
}
base::Status Writer::AddSeries(std::span<const SymbolPair> labels, std::span<const ChunkMeta> chunks) {
  return impl_->AddSeries(labels, chunks);
}
base::Status Writer::Finish() {
  return impl_->Finish();
}
uint64_t Writer::num_series() const {
  return impl_->num_series();
}
uint64_t Writer::max_series_bytes() const {
  return impl_->max_series_bytes;
}

}  // namespace thanos::index
