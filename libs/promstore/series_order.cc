#include "promstore/series_order.h"

#include <algorithm>
#include <utility>

#include "labels/builder.h"

namespace thanos::promstore {
namespace {

constexpr size_t kSeriesPerBatch = 512;

bool HasAny(labels::LabelSpan labels, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return labels::Has(labels, name); });
}

bool IsPrefix(labels::LabelSpan prefix, labels::LabelSpan labels) {
  return prefix.size() <= labels.size() && std::equal(prefix.begin(), prefix.end(), labels.begin());
}

// A series with the batch its views need.
struct Held {
  series::Series series;
  std::shared_ptr<series::SeriesBatch> owner;
};

void SortHeld(std::vector<Held>* held) {
  // Stable: parts of one series stay in time order.
  std::stable_sort(held->begin(), held->end(), [](const Held& a, const Held& b) {
    return labels::Compare(a.series.labels, b.series.labels) < 0;
  });
}

void Emit(Held held, series::SeriesBatch* batch) {
  batch->series.push_back(held.series);
  batch->Retain(std::move(held.owner));
}

class SortAllSet final : public series::SeriesSet {
 public:
  SortAllSet(std::unique_ptr<series::SeriesSet> input, OrderOptions options)
      : input_(std::move(input)), rewriter_(std::move(options.rewriter)), shard_(options.shard) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    if (input_ != nullptr) {
      TH_RETURN_IF_ERROR(ReadAll(cancel));
      input_.reset();
      batch->warnings = std::move(warnings_);
    }
    for (; position_ < all_.size() && batch->series.size() < kSeriesPerBatch; ++position_) {
      Emit(std::move(all_[position_]), batch);
    }
    return !batch->empty();
  }

 private:
  base::Status ReadAll(const base::CancelToken& cancel) {
    while (true) {
      auto owner = std::make_shared<series::SeriesBatch>();
      TH_ASSIGN_OR_RETURN(const bool more, input_->Next(cancel, owner.get()));
      if (!more) {
        break;
      }
      owner->Retain(rewriter_);
      warnings_.insert(warnings_.end(), owner->warnings.begin(), owner->warnings.end());
      for (series::Series series : owner->series) {
        series.labels = rewriter_->Rewrite(owner->arena(), series.labels);
        if (!shard_.active() || shard_.Matches(series.labels)) {
          all_.push_back({series, owner});
        }
      }
    }
    SortHeld(&all_);
    return base::OkStatus();
  }

  std::unique_ptr<series::SeriesSet> input_;
  std::shared_ptr<const LabelRewriter> rewriter_;
  storeapi::ShardMatcher shard_;
  std::vector<Held> all_;
  std::vector<std::string> warnings_;
  size_t position_ = 0;
};

class SortGroupsSet final : public series::SeriesSet {
 public:
  SortGroupsSet(std::unique_ptr<series::SeriesSet> input, OrderOptions options,
                std::shared_ptr<std::atomic<bool>> broken)
      : input_(std::move(input)),
        rewriter_(std::move(options.rewriter)),
        shard_(options.shard),
        broken_(std::move(broken)) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    while (input_ != nullptr && batch->empty()) {
      auto owner = std::make_shared<series::SeriesBatch>();
      TH_ASSIGN_OR_RETURN(const bool more, input_->Next(cancel, owner.get()));
      if (!more) {
        input_.reset();
        TH_RETURN_IF_ERROR(FlushGroup(batch));
        break;
      }
      owner->Retain(rewriter_);
      batch->warnings = std::move(owner->warnings);
      for (const series::Series& series : owner->series) {
        TH_RETURN_IF_ERROR(Take(series, owner, batch));
      }
    }
    return !batch->empty();
  }

 private:
  base::Status Take(series::Series series, const std::shared_ptr<series::SeriesBatch>& owner,
                    series::SeriesBatch* batch) {
    const labels::LabelSpan own = rewriter_->WithoutExternal(owner->arena(), series.labels);
    if (group_owner_ == nullptr || !IsPrefix(group_labels_, own)) {
      TH_RETURN_IF_ERROR(FlushGroup(batch));
      group_labels_ = own;
      group_owner_ = owner;
    }
    series.labels = rewriter_->Rewrite(owner->arena(), series.labels);
    if (!shard_.active() || shard_.Matches(series.labels)) {
      group_.push_back({series, owner});
    }
    return base::OkStatus();
  }

  base::Status FlushGroup(series::SeriesBatch* batch) {
    if (group_.empty()) {
      return base::OkStatus();
    }
    if (group_.size() > 1) {
      SortHeld(&group_);
    }
    if (last_.owner != nullptr && labels::Compare(group_.front().series.labels, last_.series.labels) < 0) {
      broken_->store(true);
      return base::Aborted("series came out of order: ", labels::ToString(group_.front().series.labels),
                           " after ", labels::ToString(last_.series.labels),
                           "; further requests sort everything");
    }
    last_ = group_.back();
    for (Held& held : group_) {
      Emit(std::move(held), batch);
    }
    group_.clear();
    return base::OkStatus();
  }

  std::unique_ptr<series::SeriesSet> input_;
  std::shared_ptr<const LabelRewriter> rewriter_;
  storeapi::ShardMatcher shard_;
  std::shared_ptr<std::atomic<bool>> broken_;
  // The first series of the group, sent or not.
  labels::LabelSpan group_labels_;
  std::shared_ptr<series::SeriesBatch> group_owner_;
  std::vector<Held> group_;
  Held last_;  // the last series sent
};

}  // namespace

LabelRewriter::LabelRewriter(labels::Labels external_labels, std::vector<std::string> without)
    : without_(std::move(without)) {
  for (const labels::LabelView& label : external_labels) {
    external_names_.emplace_back(label.name);
  }
  base::Arena arena;
  sent_external_ = labels::Labels(labels::Without(arena, external_labels.span(), without_));
}

labels::LabelSpan LabelRewriter::Rewrite(base::Arena& arena, labels::LabelSpan labels) const {
  const bool has_external = std::all_of(sent_external_.begin(), sent_external_.end(), [&](const auto& label) {
    return labels::Get(labels, label.name) == label.value;
  });
  if (has_external && !HasAny(labels, without_)) {
    return labels;
  }
  return labels::MergeExternal(arena, labels::Without(arena, labels, without_), sent_external_.span());
}

labels::LabelSpan LabelRewriter::WithoutExternal(base::Arena& arena, labels::LabelSpan labels) const {
  return labels::Without(arena, labels, external_names_);
}

bool LabelRewriter::TouchesAny(const std::vector<std::string>& names) const {
  const auto known = [&](const std::string& name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  return std::any_of(external_names_.begin(), external_names_.end(), known) ||
         std::any_of(without_.begin(), without_.end(), known);
}

std::unique_ptr<series::SeriesSet> SortAll(std::unique_ptr<series::SeriesSet> input, OrderOptions options) {
  return std::make_unique<SortAllSet>(std::move(input), std::move(options));
}

std::unique_ptr<series::SeriesSet> SortGroups(std::unique_ptr<series::SeriesSet> input, OrderOptions options,
                                              std::shared_ptr<std::atomic<bool>> broken) {
  return std::make_unique<SortGroupsSet>(std::move(input), std::move(options), std::move(broken));
}

}  // namespace thanos::promstore
