#include "index/postings_table.h"

#include <algorithm>
#include <tuple>

#include "base/bytes.h"
#include "encoding/varint.h"
#include "index/toc.h"

namespace thanos::index {
namespace {

constexpr uint8_t kKeysPerEntry = 2;

}  // namespace

base::StatusOr<PostingsTable> PostingsTable::Open(std::string_view section, int index_version,
                                                  uint64_t lists_end, size_t sampling) {
  PostingsTable table;
  table.sampling_ = std::max<size_t>(sampling, 1);
  table.version_ = index_version;
  table.lists_end_ = lists_end;
  TH_RETURN_IF_ERROR(table.Scan(section));
  if (index_version == 1) {
    table.Sort();
  }
  return table;
}

base::Status PostingsTable::Scan(std::string_view section) {
  TH_ASSIGN_OR_RETURN(const std::string_view body, SectionBody(section, "index postings offset table"));
  if (body.size() < 4) {
    return base::DataLoss("index postings offset table: section of ", body.size(), " bytes");
  }
  num_entries_ = base::LoadBigEndian32(body.data());
  entries_ = body.substr(4);
  encoding::ByteCursor cursor(entries_);
  Entry previous;
  for (uint64_t i = 0; i < num_entries_; ++i) {
    const uint64_t position = cursor.offset();
    uint8_t keys = 0;
    Entry entry;
    if (!cursor.ReadByte(&keys) || keys != kKeysPerEntry || !cursor.ReadUvarintBytes(&entry.name) ||
        !cursor.ReadUvarintBytes(&entry.value) || !cursor.ReadUvarint(&entry.offset)) {
      return base::DataLoss("index postings offset table: entry ", i, " of ", num_entries_, " is damaged");
    }
    const bool sorted = version_ == 1 || i == 0 ||
                        std::tie(previous.name, previous.value) < std::tie(entry.name, entry.value);
    if (!sorted || (i > 0 && entry.offset <= previous.offset) || entry.offset >= lists_end_) {
      return base::DataLoss("index postings offset table: entry ", i, " of ", num_entries_,
                            " is out of order");
    }
    if (i == 0 || version_ == 1 || entry.name != previous.name) {
      names_.push_back({entry.name, position, 0, {position}});
    } else if ((names_.back().end++) % sampling_ == sampling_ - 1) {
      names_.back().samples.push_back(position);
    }
    previous = entry;
  }
  if (!cursor.empty()) {
    return base::DataLoss("index postings offset table: ", cursor.remaining(),
                          " bytes behind the last entry");
  }
  // `end` has counted entries so far; now it becomes a position.
  for (size_t i = 0; i < names_.size(); ++i) {
    names_[i].end = i + 1 < names_.size() ? names_[i + 1].begin : entries_.size();
    names_[i].samples.shrink_to_fit();
  }
  return base::OkStatus();
}

// Version 1: one Name per entry so far, in file order; gather and sort them.
void PostingsTable::Sort() {
  std::ranges::sort(names_, [&](const Name& a, const Name& b) {
    return a.name != b.name ? a.name < b.name : At(a.begin).value < At(b.begin).value;
  });
  std::vector<Name> gathered;
  for (Name& name : names_) {
    if (gathered.empty() || gathered.back().name != name.name) {
      gathered.push_back(std::move(name));
    } else {
      gathered.back().samples.push_back(name.begin);
    }
  }
  names_ = std::move(gathered);
}

PostingsTable::Entry PostingsTable::At(uint64_t position) const {
  encoding::ByteCursor cursor(entries_.substr(position));
  uint8_t keys = 0;
  Entry entry;
  const bool ok = cursor.ReadByte(&keys) && cursor.ReadUvarintBytes(&entry.name) &&
                  cursor.ReadUvarintBytes(&entry.value) && cursor.ReadUvarint(&entry.offset);
  if (!ok) {
    // Scan has walked here, so the file was cut short since; the user of the table finds out (IsIntact).
    return {{}, {}, 0, entries_.size()};
  }
  entry.next = position + cursor.offset();
  return entry;
}

ByteRange PostingsTable::RangeOf(const Entry& entry) const {
  // Lists are written in the order of the table, in both versions.
  return {entry.offset, entry.next < entries_.size() ? At(entry.next).offset : lists_end_};
}

const PostingsTable::Name* PostingsTable::FindName(std::string_view name) const {
  const auto found = std::ranges::lower_bound(names_, name, {}, &Name::name);
  return found != names_.end() && found->name == name ? &*found : nullptr;
}

size_t PostingsTable::FindSample(const Name& name, std::string_view value) const {
  const auto after = std::ranges::upper_bound(name.samples, value, {},
                                              [&](uint64_t position) { return At(position).value; });
  return after == name.samples.begin() ? 0 : static_cast<size_t>(after - name.samples.begin()) - 1;
}

std::vector<std::string_view> PostingsTable::Names() const {
  std::vector<std::string_view> names;
  names.reserve(names_.size());
  for (const Name& name : names_) {
    if (!name.name.empty()) {
      names.push_back(name.name);
    }
  }
  return names;
}

std::optional<ByteRange> PostingsTable::Find(std::string_view name, std::string_view value) const {
  const Name* found = FindName(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  uint64_t position = found->samples[FindSample(*found, value)];
  do {
    const Entry entry = At(position);
    if (entry.value == value) {
      return RangeOf(entry);
    }
    if (entry.value > value) {
      return std::nullopt;
    }
    position = entry.next;
  } while (version_ != 1 && position < found->end);
  return std::nullopt;
}

void PostingsTable::VisitValues(std::string_view name, std::string_view prefix, const Visitor& visit) const {
  const Name* found = FindName(name);
  if (found == nullptr) {
    return;
  }
  const size_t first = FindSample(*found, prefix);
  if (version_ == 1) {
    for (size_t i = first; i < found->samples.size(); ++i) {
      const Entry entry = At(found->samples[i]);
      if (!VisitEntry(entry, RangeOf(entry), prefix, visit)) {
        return;
      }
    }
    return;
  }
  Entry entry = At(found->samples[first]);
  while (true) {
    // The next entry says where the list of this one ends.
    const bool last = entry.next >= entries_.size();
    const Entry next = last ? Entry() : At(entry.next);
    if (!VisitEntry(entry, {entry.offset, last ? lists_end_ : next.offset}, prefix, visit) ||
        entry.next >= found->end) {
      return;
    }
    entry = next;
  }
}

bool PostingsTable::VisitEntry(const Entry& entry, ByteRange list, std::string_view prefix,
                               const Visitor& visit) {
  if (entry.value.starts_with(prefix)) {
    return visit(entry.value, list);
  }
  return entry.value < prefix;  // values before the prefix share its sample
}

}  // namespace thanos::index
