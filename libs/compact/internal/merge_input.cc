#include "compact/internal/merge_input.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace thanos::compact::internal {

void UnionSymbols::Add(const index::SymbolTable& symbols) {
  // Index version 1 does not promise an order.
  std::vector<std::string_view> added = symbols.All();
  if (!std::ranges::is_sorted(added)) {
    std::ranges::sort(added);
  }
  added.erase(std::unique(added.begin(), added.end()), added.end());
  if (symbols_.empty()) {
    symbols_ = std::move(added);
    return;
  }
  // The usual case, blocks of the same sources: nothing new.
  if (std::ranges::includes(symbols_, added)) {
    return;
  }
  std::vector<std::string_view> both;
  both.reserve(symbols_.size() + added.size());
  std::ranges::set_union(symbols_, added, std::back_inserter(both));
  both.shrink_to_fit();
  symbols_ = std::move(both);
}

uint32_t UnionSymbols::Number(std::string_view symbol) const {
  const auto found = std::ranges::lower_bound(symbols_, symbol);
  TH_CHECK(found != symbols_.end() && *found == symbol);
  return static_cast<uint32_t>(found - symbols_.begin());
}

std::vector<uint32_t> UnionSymbols::Renumber(const index::SymbolTable& symbols) const {
  std::vector<uint32_t> numbers;
  numbers.reserve(symbols.size());
  size_t next = 0;
  for (const std::string_view symbol : symbols.All()) {
    // Symbols ascend in version 2; a table that does not is looked up one by one.
    while (next < symbols_.size() && symbols_[next] < symbol) {
      ++next;
    }
    const bool found = next < symbols_.size() && symbols_[next] == symbol;
    numbers.push_back(found ? static_cast<uint32_t>(next) : Number(symbol));
  }
  return numbers;
}

int CompareLabels(std::span<const index::SymbolPair> a, std::span<const index::SymbolPair> b) {
  const size_t common = std::min(a.size(), b.size());
  for (size_t i = 0; i < common; ++i) {
    const uint64_t left = PairKey(a[i]);
    const uint64_t right = PairKey(b[i]);
    if (left != right) {
      return left < right ? -1 : 1;
    }
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

MergeInput::MergeInput(std::unique_ptr<block::BlockReader> block)
    : block_(std::move(block)), name_(block_->meta().ulid.ToString()) {}

base::StatusOr<std::unique_ptr<MergeInput>> MergeInput::Open(const std::string& directory) {
  TH_ASSIGN_OR_RETURN(auto block, block::BlockReader::Open(directory));
  std::unique_ptr<MergeInput> input(new MergeInput(std::move(block)));
  auto tombstones = ReadTombstones(directory);
  if (!tombstones.ok()) {
    return base::Annotate(tombstones.status(), "block ", input->name_);
  }
  input->tombstones_ = *std::move(tombstones);
  return input;
}

base::Status MergeInput::Start(const UnionSymbols& symbols, LabelOrder order) {
  symbols_ = &symbols;
  order_ = order;
  if (index().version() != 1) {
    numbers_ = symbols.Renumber(index().symbols());
  }
  auto refs = index().AllPostings();
  if (!refs.ok()) {
    return base::Annotate(refs.status(), "block ", name_);
  }
  refs_ = *std::move(refs);
  return order == LabelOrder::kSorted ? SortSeries() : base::OkStatus();
}

base::Status MergeInput::Renumber() {
  for (index::SymbolPair& pair : entry_.labels) {
    if (index().version() == 1) {
      TH_ASSIGN_OR_RETURN(const std::string_view name, index().symbols().Lookup(pair.name));
      TH_ASSIGN_OR_RETURN(const std::string_view value, index().symbols().Lookup(pair.value));
      pair = {symbols_->Number(name), symbols_->Number(value)};
    } else if (pair.name >= numbers_.size() || pair.value >= numbers_.size()) {
      return base::DataLoss("index symbols: no symbol ", std::max(pair.name, pair.value), ", there are ",
                            numbers_.size());
    } else {
      pair = {numbers_[pair.name], numbers_[pair.value]};
    }
  }
  return base::OkStatus();
}

base::Status MergeInput::Load(index::SeriesRef ref) {
  base::Status status = index().Entry(ref, &entry_);
  if (status.ok()) {
    status = Renumber();
  }
  if (!status.ok()) {
    return base::Annotate(status, "block ", name_);
  }
  const auto by_name = [](const index::SymbolPair& a, const index::SymbolPair& b) { return a.name < b.name; };
  if (!std::is_sorted(entry_.labels.begin(), entry_.labels.end(), by_name)) {
    if (order_ == LabelOrder::kChecked) {
      return base::DataLoss("block ", name_, ": series ", ref, ": labels out of order");
    }
    std::stable_sort(entry_.labels.begin(), entry_.labels.end(), by_name);
  }
  for (size_t i = 1; i < entry_.labels.size(); ++i) {
    if (entry_.labels[i - 1].name == entry_.labels[i].name) {
      return base::DataLoss("block ", name_, ": series ", ref, ": duplicated label name");
    }
  }
  return base::OkStatus();
}

// One pass over all series that keeps nothing but their order when that is right already.
base::Status MergeInput::SortSeries() {
  bool sorted = true;
  for (size_t i = 0; i < refs_.size() && sorted; ++i) {
    TH_RETURN_IF_ERROR(Load(refs_[i]));
    sorted = i == 0 || CompareLabels(previous_, entry_.labels) <= 0;
    previous_ = entry_.labels;
  }
  previous_.clear();
  if (sorted) {
    return base::OkStatus();
  }
  std::vector<index::SymbolPair> labels;
  std::vector<size_t> ends;
  for (const index::SeriesRef ref : refs_) {
    TH_RETURN_IF_ERROR(Load(ref));
    labels.insert(labels.end(), entry_.labels.begin(), entry_.labels.end());
    ends.push_back(labels.size());
  }
  const auto of = [&](size_t i) {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::span<const index::SymbolPair>(labels).subspan(begin, ends[i] - begin);
  };
  std::vector<size_t> order(refs_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return CompareLabels(of(a), of(b)) < 0; });
  index::Postings refs;
  for (const size_t i : order) {
    refs.push_back(refs_[i]);
  }
  refs_ = std::move(refs);
  return base::OkStatus();
}

base::StatusOr<bool> MergeInput::Next() {
  if (next_ == refs_.size()) {
    return false;
  }
  previous_.swap(entry_.labels);
  const index::SeriesRef ref = refs_[next_];
  TH_RETURN_IF_ERROR(Load(ref));
  if (order_ == LabelOrder::kChecked && next_ > 0 && CompareLabels(previous_, entry_.labels) >= 0) {
    return base::DataLoss("block ", name_, ": series ", ref, " is out of order or a duplicate");
  }
  ++next_;
  deleted_ = {};
  if (!tombstones_.empty()) {
    if (const auto found = tombstones_.find(ref); found != tombstones_.end()) {
      deleted_ = found->second;
    }
  }
  return true;
}

}  // namespace thanos::compact::internal
