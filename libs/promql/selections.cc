#include "promql/selections.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace thanos::promql {
namespace {

// Selections open beyond the one in use. Few: a source may hold places in queues of its own for each.
constexpr size_t kOpenAhead = 3;
// Encoded samples kept for the other readers of a selection; with more, each reads for itself.
constexpr size_t kMaxKeptBytes = size_t{128} << 20;

// Instant selectors inside functions of one kind read the same data, also of downsampled blocks, where a
// minimum is not a sum.
std::string_view KindOf(std::string_view function) {
  for (const std::string_view kind : {"min", "max", "count", "sum_"}) {
    const bool alone = function == kind && kind != "sum_";
    if (alone || (function.starts_with(kind) && function.ends_with("_over_time"))) {
      return kind;
    }
  }
  static constexpr std::string_view kOfCounters[] = {"rate",   "increase", "irate",
                                                     "resets", "xrate",    "xincrease"};
  return std::ranges::find(kOfCounters, function) != std::end(kOfCounters) ? "rate" : "";
}

bool ReadsTheSame(const SelectHints& a, const SelectHints& b) {
  if (a.step_ms != b.step_ms || a.range_ms != b.range_ms) {
    return false;
  }
  return a.function == b.function || (a.range_ms == 0 && KindOf(a.function) == KindOf(b.function));
}

// Makes `into` cover `other` too, unless their windows are too far apart.
bool Join(SelectHints& into, const SelectHints& other) {
  const int64_t start_ms = std::min(into.start_ms, other.start_ms);
  const int64_t end_ms = std::max(into.end_ms, other.end_ms);
  const int64_t longest = std::max(into.end_ms - into.start_ms, other.end_ms - other.start_ms);
  if (!ReadsTheSame(into, other) || end_ms - start_ms > longest + longest / 2) {
    return false;
  }
  into.start_ms = start_ms;
  into.end_ms = end_ms;
  if (into.grouping_by != other.grouping_by || into.grouping_labels != other.grouping_labels) {
    into.grouping_by = false;
    into.grouping_labels.clear();
  }
  return true;
}

size_t EncodedBytes(const series::SeriesBatch& batch) {
  size_t bytes = 0;
  for (const series::Series& series : batch.series) {
    bytes += 256;
    for (const series::Chunk& chunk : series.chunks) {
      bytes += sizeof(chunk) + chunk.raw.data.size();
      for (size_t i = 0; chunk.aggregates != nullptr && i < chunk.aggregates->size(); ++i) {
        bytes += (*chunk.aggregates)[i].data.size();
      }
    }
  }
  return bytes;
}

}  // namespace

struct SelectionReader::Shared {
  std::unique_ptr<SelectedSeries> selected;
  std::vector<std::shared_ptr<const series::SeriesBatch>> kept;  // what was read so far, for later readers
  size_t kept_bytes = 0;
  bool ended = false;
  bool overflowed = false;  // `kept` is incomplete
};

SelectionReader::~SelectionReader() = default;

base::StatusOr<std::shared_ptr<const series::SeriesBatch>> SelectionReader::Next(
    const base::CancelToken& cancel) {
  if (position_ < shared_->kept.size()) {
    std::shared_ptr<const series::SeriesBatch>& batch = shared_->kept[position_++];
    return uses_left_ == 0 ? std::move(batch) : batch;
  }
  if (shared_->ended) {
    return std::shared_ptr<const series::SeriesBatch>();
  }
  auto batch = std::make_shared<series::SeriesBatch>();
  TH_ASSIGN_OR_RETURN(const bool more, shared_->selected->Next(cancel, batch.get()));
  if (!more) {
    shared_->ended = true;
    return std::shared_ptr<const series::SeriesBatch>();
  }
  if (uses_left_ > 0 && !shared_->overflowed) {
    shared_->kept_bytes += EncodedBytes(*batch);
    shared_->kept.push_back(batch);
    ++position_;
    if (shared_->kept_bytes > kMaxKeptBytes) {
      shared_->overflowed = true;
      shared_->kept.clear();
      position_ = 0;
    }
  }
  return std::shared_ptr<const series::SeriesBatch>(std::move(batch));
}

base::Status SelectionReader::Decode(const series::Series& series, int64_t min_ms, int64_t max_ms,
                                     chunkenc::SampleColumns* out) const {
  return shared_->selected->Decode(series, min_ms, max_ms, out);
}

Selections::Selections(const Plan& plan, SeriesSource& source, base::CancelToken cancel)
    : source_(source), cancel_(std::move(cancel)) {
  for (const promql_parser::VectorSelector* selector : plan.selectors()) {
    const SelectHints& hints = plan.HintsOf(*selector);
    const auto it = std::ranges::find_if(groups_, [&](Group& group) {
      return group.selector->matchers == selector->matchers && Join(group.hints, hints);
    });
    group_of_[selector] = static_cast<size_t>(it - groups_.begin());
    if (it != groups_.end()) {
      ++it->uses_left;
      continue;
    }
    Group& group = groups_.emplace_back();
    group.selector = selector;
    group.hints = hints;
    group.uses_left = 1;
  }
}

Selections::~Selections() = default;

void Selections::OpenAhead(size_t first) {
  for (size_t i = first; i < std::min(groups_.size(), first + 1 + kOpenAhead); ++i) {
    Group& group = groups_[i];
    if (group.opened) {
      continue;
    }
    group.opened = true;
    auto selected = source_.Select(cancel_, group.selector->matchers, group.hints);
    if (!selected.ok()) {
      group.failure = selected.status();
      continue;
    }
    group.shared = std::make_shared<SelectionReader::Shared>();
    group.shared->selected = *std::move(selected);
  }
}

base::StatusOr<std::unique_ptr<SelectionReader>> Selections::Open(
    const promql_parser::VectorSelector& selector) {
  const auto it = group_of_.find(&selector);
  if (it == group_of_.end()) {
    return base::Internal("a selector that is not part of the query");
  }
  OpenAhead(it->second);
  Group& group = groups_[it->second];
  if (!group.failure.ok()) {
    return base::Annotate(group.failure, "expanding series");
  }
  if (group.shared == nullptr || group.shared->overflowed || group.uses_left == 0) {
    return Open(selector.matchers, group.hints);
  }
  --group.uses_left;
  auto reader = std::unique_ptr<SelectionReader>(new SelectionReader(group.shared, group.uses_left));
  if (group.uses_left == 0) {
    group.shared.reset();
  }
  return reader;
}

base::StatusOr<std::unique_ptr<SelectionReader>> Selections::Open(
    const std::vector<labels::Matcher>& matchers, const SelectHints& hints) {
  auto shared = std::make_shared<SelectionReader::Shared>();
  auto selected = source_.Select(cancel_, matchers, hints);
  if (!selected.ok()) {
    return base::Annotate(selected.status(), "expanding series");
  }
  shared->selected = *std::move(selected);
  return std::unique_ptr<SelectionReader>(new SelectionReader(std::move(shared), 0));
}

}  // namespace thanos::promql
