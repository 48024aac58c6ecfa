#include "index/reader.h"

#include "base/strings.h"

namespace thanos::index {
namespace {

std::string ListName(std::string_view name, std::string_view value) {
  return name.empty() ? std::string("index postings of all series")
                      : base::Concat("index postings of ", name, "=", base::Quote(value));
}

// The reader as a source of postings for one call.
class ReaderSource final : public PostingsSource {
 public:
  ReaderSource(const Reader& reader, const PostingsTable& table) : reader_(reader), table_(table) {}

  base::Status VisitValues(std::string_view name, std::string_view prefix,
                           const std::function<void(std::string_view)>& visit) override {
    table_.VisitValues(name, prefix, [&](std::string_view value, ByteRange) {
      visit(value);
      return true;
    });
    return base::OkStatus();
  }

  base::StatusOr<std::vector<Postings>> Fetch(std::span<const PostingsKey> keys) override {
    std::vector<Postings> lists;
    lists.reserve(keys.size());
    for (const PostingsKey& key : keys) {
      TH_ASSIGN_OR_RETURN(Postings list, reader_.PostingsFor(key.name, key.value));
      lists.push_back(std::move(list));
    }
    return lists;
  }

 private:
  const Reader& reader_;
  const PostingsTable& table_;
};

}  // namespace

Reader::Reader(base::SharedBytes index, int version, const Toc& toc, SymbolTable symbols,
               PostingsTable postings_table)
    : index_(std::move(index)),
      version_(version),
      toc_(toc),
      symbols_(std::move(symbols)),
      postings_table_(std::move(postings_table)) {}

base::StatusOr<std::unique_ptr<Reader>> Reader::Open(base::SharedBytes index) {
  const std::string_view bytes = index.bytes;
  TH_ASSIGN_OR_RETURN(const int version, ParseIndexHeader(bytes.substr(0, kIndexHeaderBytes)));
  const std::string_view toc_bytes =
      bytes.size() < kTocBytes ? std::string_view() : bytes.substr(bytes.size() - kTocBytes);
  TH_ASSIGN_OR_RETURN(const Toc toc, ParseToc(toc_bytes, bytes.size()));
  TH_ASSIGN_OR_RETURN(
      SymbolTable symbols,
      SymbolTable::Open(bytes.substr(toc.symbols, toc.series - toc.symbols), version, toc.symbols));
  const uint64_t table_bytes = bytes.size() - kTocBytes - toc.postings_offset_table;
  TH_ASSIGN_OR_RETURN(
      PostingsTable table,
      PostingsTable::Open(bytes.substr(toc.postings_offset_table, table_bytes), version, toc.PostingsEnd()));
  return std::unique_ptr<Reader>(
      new Reader(std::move(index), version, toc, std::move(symbols), std::move(table)));
}

std::vector<std::string_view> Reader::LabelValues(std::string_view name) const {
  std::vector<std::string_view> values;
  if (!name.empty()) {
    postings_table_.VisitValues(name, {}, [&](std::string_view value, ByteRange) {
      values.push_back(value);
      return true;
    });
  }
  return values;
}

base::StatusOr<Postings> Reader::PostingsFor(std::string_view name, std::string_view value) const {
  const auto range = postings_table_.Find(name, value);
  if (!range) {
    return Postings();
  }
  // The table has checked that lists ascend and end before the postings offset table.
  return DecodePostings(index_.bytes.substr(range->begin, range->size()), ListName(name, value));
}

base::StatusOr<Postings> Reader::PostingsFor(const std::vector<labels::Matcher>& matchers) const {
  ReaderSource source(*this, postings_table_);
  return ExpandPostings(source, matchers);
}

base::StatusOr<bool> Reader::Series(SeriesRef ref, int64_t min_time_ms, int64_t max_time_ms,
                                    IndexSeries* series) const {
  const uint64_t offset = SeriesOffset(version_, ref);
  if (offset < toc_.series || offset >= toc_.postings) {
    return base::DataLoss("index: series reference ", ref, " points outside the series section");
  }
  SeriesEntry entry;
  entry.labels.swap(series->symbols);  // reuse their memory
  entry.chunks.swap(series->chunks);
  const std::string_view bytes = index_.bytes.substr(offset, toc_.postings - offset);
  const auto found = DecodeSeries(bytes, offset, min_time_ms, max_time_ms, &entry);
  entry.labels.swap(series->symbols);
  entry.chunks.swap(series->chunks);
  if (!found.ok()) {
    // The rest of the section was given: an entry that does not fit is damaged.
    return found.status().code() == base::StatusCode::kOutOfRange
               ? base::DataLoss(base::Message(found.status()))
               : found.status();
  }
  if (!*found) {
    series->labels.clear();
    // Callers that want all chunks want the labels of a series without any, too.
    const bool everything = min_time_ms == std::numeric_limits<int64_t>::min() &&
                            max_time_ms == std::numeric_limits<int64_t>::max();
    if (!everything) {
      return false;
    }
  }
  TH_RETURN_IF_ERROR(ResolveLabels(offset, series));
  return *found;
}

base::Status Reader::Series(SeriesRef ref, IndexSeries* series) const {
  return Series(ref, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), series)
      .status();
}

base::Status Reader::Entry(SeriesRef ref, SeriesEntry* entry, uint64_t* entry_bytes) const {
  const uint64_t offset = SeriesOffset(version_, ref);
  if (offset < toc_.series || offset >= toc_.postings) {
    return base::DataLoss("index: series reference ", ref, " points outside the series section");
  }
  const std::string_view bytes = index_.bytes.substr(offset, toc_.postings - offset);
  base::Status status = DecodeSeries(bytes, offset, std::numeric_limits<int64_t>::min(),
                                     std::numeric_limits<int64_t>::max(), entry)
                            .status();
  if (status.code() == base::StatusCode::kOutOfRange) {
    return base::DataLoss(base::Message(status));
  }
  if (status.ok() && entry_bytes != nullptr) {
    TH_ASSIGN_OR_RETURN(*entry_bytes, SeriesEntryBytes(bytes));
  }
  return status;
}

base::Status Reader::ResolveLabels(uint64_t offset, IndexSeries* series) const {
  series->labels.clear();
  for (const SymbolPair& pair : series->symbols) {
    labels::LabelView& label = series->labels.emplace_back();
    TH_ASSIGN_OR_RETURN(label.name, symbols_.Lookup(pair.name));
    TH_ASSIGN_OR_RETURN(label.value, symbols_.Lookup(pair.value));
  }
  if (!labels::IsSorted(series->labels)) {
    return base::DataLoss("index position ", offset,
                          ": labels out of order: ", labels::ToString(series->labels));
  }
  return base::OkStatus();
}

}  // namespace thanos::index
