#include "compact/internal/group_compaction.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "block/markers.h"
#include "compact/internal/block_check.h"
#include "concurrency/task_group.h"
#include "shipper/block_upload.h"
#include "telemetry/log.h"

namespace thanos::compact::internal {
namespace {

std::string Names(const std::vector<MetaPtr>& blocks) {
  std::string names;
  for (const MetaPtr& meta : blocks) {
    names += base::Concat(names.empty() ? "" : " ", meta->ulid.ToString(), " [", meta->min_time_ms, ", ",
                          meta->max_time_ms, ")");
  }
  return names;
}

// Blocks that begin before the end of one that began earlier.
std::vector<BadBlock> LaterOnes(const std::vector<MetaPtr>& blocks) {
  std::vector<BadBlock> bad_blocks;
  const MetaPtr* last = nullptr;
  for (const MetaPtr& meta : blocks) {
    if (last != nullptr && meta->min_time_ms < (*last)->max_time_ms) {
      bad_blocks.push_back({meta->ulid, std::string(block::kReasonOverlap),
                            base::Concat("overlaps with block ", (*last)->ulid.ToString())});
    } else {
      last = &meta;
    }
  }
  return bad_blocks;
}

std::vector<std::string> UlidTexts(const std::vector<MetaPtr>& blocks) {
  std::vector<std::string> texts;
  for (const MetaPtr& meta : blocks) {
    texts.push_back(meta->ulid.ToString());
  }
  return texts;
}

std::string_view MarkReason(Fitness fitness) {
  return fitness == Fitness::kOutOfOrder ? block::kReasonOutOfOrderChunk : block::kReasonDamaged;
}

}  // namespace

std::string GroupCompaction::BlockDirectory(const model::Ulid& ulid) const {
  return base::Concat(directory_, "/", ulid.ToString());
}

GroupCompaction::Step GroupCompaction::Fail(Failure failure) {
  failure_ = std::move(failure);
  return Step::kFailed;
}

Failure GroupCompaction::Run(const base::CancelToken& cancel) {
  const ResolutionMetrics metrics = context_.metrics.For(group_.resolution_ms);
  metrics.runs_started.Increment();
  Step step = Step::kAgain;
  while (step == Step::kAgain) {
    if (cancel.cancelled()) {
      step = Fail({FailureKind::kCancelled, cancel.status(), {}});
      break;
    }
    step = CompactNext(cancel);
    if (step == Step::kFailed && Quarantine(cancel, failure_)) {
      failure_ = {};
      step = Step::kAgain;
    }
  }
  if (step == Step::kFailed) {
    failure_.status = base::Annotate(failure_.status, "group ", group_.key);
    if (failure_.kind != FailureKind::kCancelled) {
      metrics.failures.Increment();
    }
    return failure_;
  }
  if (const base::Status status = RemoveTree(directory_); !status.ok()) {
    TH_LOG(kWarn, "removing working directory").With("group", group_.key).With("err", status);
  }
  metrics.runs_completed.Increment();
  return {};
}

bool GroupCompaction::Quarantine(const base::CancelToken& cancel, const Failure& failure) {
  if (failure.kind != FailureKind::kHalt || failure.bad_blocks.empty()) {
    return false;
  }
  const bool only_out_of_order =
      std::all_of(failure.bad_blocks.begin(), failure.bad_blocks.end(),
                  [](const BadBlock& bad) { return bad.reason == block::kReasonOutOfOrderChunk; });
  if (!options_.quarantine && !(options_.skip_out_of_order && only_out_of_order)) {
    return false;
  }
  TH_LOG(kError, "setting blocks aside, the group goes on without them")
      .With("group", group_.key)
      .With("err", failure.status);
  for (const BadBlock& bad : failure.bad_blocks) {
    const base::Status status = context_.marker.ForNoCompaction(cancel, bad.ulid, bad.reason, bad.details);
    if (!status.ok()) {
      failure_ = Failure::Retry(base::Annotate(status, "marking a bad block"));
      return false;
    }
    excluded_.insert(bad.ulid);
  }
  changed_ = true;
  return true;
}

bool GroupCompaction::CheckOverlaps() {
  std::vector<MetaPtr> blocks;
  for (const MetaPtr& meta : group_.blocks) {
    if (!options_.quarantine || !excluded_.contains(meta->ulid)) {
      blocks.push_back(meta);
    }
  }
  const std::vector<MetaPtr> overlap = FirstOverlap(blocks);
  if (overlap.empty() || options_.planner.vertical) {
    return true;
  }
  Fail(Failure::Halt(base::FailedPrecondition("pre compaction overlap check: overlaps found while gathering "
                                              "blocks: ",
                                              Names(overlap)),
                     LaterOnes(overlap)));
  return false;
}

bool GroupCompaction::CheckSources(const std::vector<MetaPtr>& plan) {
  std::set<model::Ulid> sources;
  for (const MetaPtr& meta : plan) {
    for (const model::Ulid& source : meta->compaction.sources) {
      if (sources.insert(source).second) {
        continue;
      }
      if (!options_.planner.vertical) {
        Fail(Failure::Halt(base::FailedPrecondition("overlapping sources detected for plan ", Names(plan))));
        return false;
      }
      TH_LOG(kWarn, "overlapping sources detected for plan")
          .With("duplicated_source", source.ToString())
          .With("plan", Names(plan));
    }
  }
  return true;
}

bool GroupCompaction::ApplyExclusions(const base::CancelToken& cancel,
                                      const std::vector<Exclusion>& exclusions) {
  for (const Exclusion& exclusion : exclusions) {
    const base::Status status =
        context_.marker.ForNoCompaction(cancel, exclusion.ulid, exclusion.reason, exclusion.details);
    if (!status.ok()) {
      Fail(Failure::Retry(status));
      return false;
    }
    excluded_.insert(exclusion.ulid);
    changed_ = true;
  }
  return true;
}

GroupCompaction::Step GroupCompaction::CompactNext(const base::CancelToken& cancel) {
  if (!CheckOverlaps()) {
    return Step::kFailed;
  }
  const auto plan = PlanGroup(
      options_.planner, excluded_, group_.blocks, [&](const block::Meta& meta) -> base::StatusOr<int64_t> {
        TH_ASSIGN_OR_RETURN(const auto attributes,
                            context_.transfer.bucket.Attributes(
                                cancel, base::Concat(meta.ulid.ToString(), "/", block::kIndexFileName)));
        return attributes.size_bytes;
      });
  if (!plan.ok()) {
    return Fail(Failure::Retry(base::Annotate(plan.status(), "plan compaction")));
  }
  if (!ApplyExclusions(cancel, plan->exclusions)) {
    return Step::kFailed;
  }
  if (plan->blocks.empty()) {
    return Step::kDone;
  }
  TH_LOG(kInfo, "compaction available and planned")
      .With("group", group_.key)
      .With("plan", Names(plan->blocks));
  if (!CheckSources(plan->blocks)) {
    return Step::kFailed;
  }
  Step step = CompactPlan(cancel, plan->blocks);
  // A damaged copy is fetched once more before the block is blamed.
  if (step == Step::kFailed && failure_.kind == FailureKind::kHalt) {
    bool again = false;
    for (const BadBlock& bad : failure_.bad_blocks) {
      if (bad.reason == block::kReasonDamaged && fetched_again_.insert(bad.ulid).second) {
        again = RemoveTree(BlockDirectory(bad.ulid)).ok() || again;
      }
    }
    if (again) {
      TH_LOG(kWarn, "fetching a damaged block again").With("group", group_.key).With("err", failure_.status);
      failure_ = {};
      step = CompactPlan(cancel, plan->blocks);
    }
  }
  return step;
}

GroupCompaction::Step GroupCompaction::CompactPlan(const base::CancelToken& cancel,
                                                   const std::vector<MetaPtr>& plan) {
  const base::TimePoint start = base::SteadyNow();
  base::Status status = MakeDirectories(directory_);
  if (status.ok()) {
    status = RemoveOthers(directory_, UlidTexts(plan));
  }
  if (!status.ok()) {
    return Fail(Failure::Retry(status));
  }
  Step step = Fetch(cancel, plan);
  if (step == Step::kDone) {
    context_.metrics.tsdb_populating_block.Set(1);
    step = Merge(cancel, plan);
    context_.metrics.tsdb_populating_block.Set(0);
  }
  if (step == Step::kAgain) {
    context_.metrics.tsdb_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  }
  return step;
}

Failure GroupCompaction::FetchBlock(const base::CancelToken& cancel, const MetaPtr& meta, bool* repairable) {
  const std::string directory = BlockDirectory(meta->ulid);
  const base::Status downloaded = DownloadBlock(cancel, context_.transfer, *meta, directory);
  bool incomplete = downloaded.code() == base::StatusCode::kDataLoss;
  if (downloaded.code() == base::StatusCode::kNotFound && options_.quarantine) {
    // A block that is being deleted is not a bad one.
    incomplete = context_.transfer.bucket.Exists(cancel, block::MetaPath(meta->ulid)).value_or(false);
  }
  if (incomplete) {
    const std::string details(base::Message(downloaded));
    return Failure::Halt(downloaded, {{meta->ulid, std::string(block::kReasonDamaged), details}});
  }
  if (!downloaded.ok()) {
    return Failure::Retry(base::Annotate(downloaded, "download block ", meta->ulid.ToString()));
  }
  // Chunks are verified when they are copied.
  const auto health = VerifyBlock(cancel, directory, {.read_chunks = false, .pool = &context_.cpu_pool});
  if (!health.ok()) {
    return Failure::Retry(base::Annotate(health.status(), "verify block ", meta->ulid.ToString()));
  }
  const BlockVerdict verdict = Judge(*health, options_.accept_malformed_index);
  *repairable = verdict.fitness == Fitness::kRepairable;
  if (verdict.fitness == Fitness::kFit || *repairable) {
    return {};
  }
  return Failure::Halt(
      base::Annotate(verdict.status, "block with not healthy index found ", meta->ulid.ToString(),
                     "; compaction level ", meta->compaction.level, "; labels ",
                     labels::ToString(meta->external_labels())),
      {{meta->ulid, std::string(MarkReason(verdict.fitness)), std::string(base::Message(verdict.status))}});
}

GroupCompaction::Step GroupCompaction::Fetch(const base::CancelToken& cancel,
                                             const std::vector<MetaPtr>& plan) {
  std::vector<Failure> failures(plan.size());
  std::vector<char> repairable(plan.size(), 0);
  const base::Status status = concurrency::ParallelFor(
      context_.block_pool, cancel, plan.size(), std::max<size_t>(options_.block_fetch_concurrency, 1),
      [&](const base::CancelToken& token, size_t i) {
        bool can_be_repaired = false;
        failures[i] = FetchBlock(token, plan[i], &can_be_repaired);
        repairable[i] = can_be_repaired ? 1 : 0;
        // Other blocks of the plan are looked at even if this one is bad, so that all bad ones are known.
        return failures[i].kind == FailureKind::kHalt ? base::OkStatus() : failures[i].status;
      });
  if (!status.ok()) {
    return Fail(Failure::Retry(cancel.cancelled() ? cancel.status() : status));
  }
  Failure all;
  for (const Failure& failure : failures) {
    if (failure.failed()) {
      all.status = all.failed() ? all.status : failure.status;
      all.kind = failure.kind;
      all.bad_blocks.insert(all.bad_blocks.end(), failure.bad_blocks.begin(), failure.bad_blocks.end());
    }
  }
  if (all.failed()) {
    return Fail(std::move(all));
  }
  const auto broken = std::find(repairable.begin(), repairable.end(), 1);
  return broken == repairable.end() ? Step::kDone
                                    : Repair(cancel, plan[static_cast<size_t>(broken - repairable.begin())]);
}

GroupCompaction::Step GroupCompaction::Repair(const base::CancelToken& cancel, const MetaPtr& broken) {
  TH_LOG(kInfo, "repairing a block with chunks outside of its range").With("block", broken->ulid.ToString());
  auto repaired = RepairBlock(cancel, BlockDirectory(broken->ulid), directory_,
                              {.ulid = model::Ulid::Generate(context_.clock.NowMs()),
                               .source = std::string(block::kSourceCompactorRepair)});
  if (!repaired.ok() && !IsAboutData(repaired.status())) {
    return Fail(
        Failure::Retry(base::Annotate(repaired.status(), "repair of block ", broken->ulid.ToString())));
  }
  base::Status status = repaired.status();
  if (repaired.ok() && !repaired->empty) {
    const auto health =
        VerifyBlock(cancel, BlockDirectory(repaired->meta.ulid), {.pool = &context_.cpu_pool});
    status = health.ok() ? health->Any() : health.status();
  }
  if (!status.ok() || repaired->empty) {
    status = status.ok() ? base::DataLoss("nothing of it is left") : status;
    return Fail(Failure::Halt(
        base::Annotate(status, "repair of block ", broken->ulid.ToString()),
        {{broken->ulid, std::string(block::kReasonDamaged), std::string(base::Message(status))}}));
  }
  return Publish(cancel, std::move(repaired->meta), {broken}, "source of repaired block");
}

Failure GroupCompaction::Blame(const base::CancelToken& cancel, const std::vector<MetaPtr>& plan,
                               const base::Status& status) {
  std::vector<BadBlock> bad_blocks;
  for (const MetaPtr& meta : plan) {
    const auto health = VerifyBlock(cancel, BlockDirectory(meta->ulid), {.pool = &context_.cpu_pool});
    if (!health.ok()) {
      return Failure::Retry(health.status());
    }
    BlockVerdict verdict = Judge(*health, options_.accept_malformed_index);
    if (verdict.fitness == Fitness::kFit && health->outside_chunks > 0) {
      verdict = {Fitness::kUnfit,
                 base::DataLoss(health->outside_chunks, " chunks reach out of the block's range")};
    }
    if (verdict.fitness != Fitness::kFit) {
      bad_blocks.push_back(
          {meta->ulid, std::string(MarkReason(verdict.fitness)), std::string(base::Message(verdict.status))});
    }
  }
  return Failure::Halt(base::Annotate(status, "compact blocks ", Names(plan)), std::move(bad_blocks));
}

GroupCompaction::Step GroupCompaction::Merge(const base::CancelToken& cancel,
                                             const std::vector<MetaPtr>& plan) {
  const bool overlapping = !FirstOverlap(plan).empty();
  std::vector<std::string> directories;
  for (const MetaPtr& meta : plan) {
    directories.push_back(BlockDirectory(meta->ulid));
  }
  MergeOptions options;
  options.function = options_.planner.vertical ? options_.function : MergeFunction::kNone;
  options.ulid = model::Ulid::Generate(context_.clock.NowMs());
  options.accept_malformed_index = options_.accept_malformed_index;
  options.pool = &context_.cpu_pool;
  block::ThanosSection& thanos = options.thanos.emplace();
  thanos.labels = group_.labels;
  thanos.resolution_ms = group_.resolution_ms;
  thanos.source = std::string(block::kSourceCompactor);
  auto merged = MergeBlocks(cancel, directories, directory_, options);
  if (!merged.ok()) {
    return Fail(IsAboutData(merged.status())
                    ? Blame(cancel, plan, merged.status())
                    : Failure::Retry(base::Annotate(merged.status(), "compact blocks")));
  }
  if (merged->empty) {
    return DropEmpty(cancel, plan);
  }
  const base::Status checked = CheckMerged(cancel, BlockDirectory(options.ulid), *merged, plan, directories,
                                           !overlapping, &context_.cpu_pool);
  if (!checked.ok()) {
    return Fail(IsAboutData(checked) ? Failure::Halt(checked) : Failure::Retry(checked));
  }
  const Step step = Publish(cancel, std::move(merged->meta), plan, "source of compacted block");
  if (step == Step::kAgain) {
    const ResolutionMetrics metrics = context_.metrics.For(group_.resolution_ms);
    metrics.compactions.Increment();
    context_.metrics.tsdb_compactions.Increment();
    if (overlapping) {
      metrics.vertical.Increment();
      context_.metrics.tsdb_vertical_compactions.Increment();
    }
  }
  return step;
}

GroupCompaction::Step GroupCompaction::DropEmpty(const base::CancelToken& cancel,
                                                 const std::vector<MetaPtr>& plan) {
  // Only blocks that never had a sample: nothing else is given up because a merge found nothing.
  std::vector<MetaPtr> empty;
  for (const MetaPtr& meta : plan) {
    if (meta->stats.num_samples != 0) {
      continue;
    }
    const auto health = VerifyBlock(cancel, BlockDirectory(meta->ulid), {.pool = &context_.cpu_pool});
    if (!health.ok()) {
      return Fail(Failure::Retry(health.status()));
    }
    if (health->num_samples == 0 && health->Damage().ok()) {
      empty.push_back(meta);
    }
  }
  if (empty.empty()) {
    return Fail(
        Failure::Halt(base::DataLoss("the compacted block is empty, its sources are not: ", Names(plan))));
  }
  for (const MetaPtr& meta : empty) {
    const base::Status status =
        context_.marker.ForDeletion(cancel, meta->ulid, "source of compacted block, without samples");
    if (!status.ok()) {
      return Fail(Failure::Retry(status));
    }
  }
  Replace(empty, nullptr);
  return Step::kAgain;
}

GroupCompaction::Step GroupCompaction::Publish(const base::CancelToken& cancel, block::Meta meta,
                                               const std::vector<MetaPtr>& replaced,
                                               std::string_view details) {
  const std::string directory = BlockDirectory(meta.ulid);
  const base::TimePoint start = base::SteadyNow();
  base::Status status = shipper::DescribeFiles(directory, options_.with_hashes, &meta);
  if (status.ok()) {
    meta.thanos->upload_time = block::FormatRfc3339(context_.clock.NowMs());
    status = UploadBlock(cancel, context_.transfer, directory, meta);
  }
  if (!status.ok()) {
    return Fail(Failure::Retry(base::Annotate(status, "upload of block ", meta.ulid.ToString())));
  }
  changed_ = true;
  TH_LOG(kInfo, "uploaded block")
      .With("group", group_.key)
      .With("block", meta.ulid.ToString())
      .With("level", meta.compaction.level)
      .With("sources", Names(replaced))
      .With("samples", meta.stats.num_samples)
      .With("duration_s", base::ToSeconds(base::SteadyNow() - start));
  for (const MetaPtr& source : replaced) {
    // If this fails or the process ends here, the next garbage collection does it.
    status = context_.marker.ForDeletion(cancel, source->ulid, details);
    if (!status.ok()) {
      return Fail(Failure::Retry(base::Annotate(status, "mark old block for deletion")));
    }
  }
  Replace(replaced, std::make_shared<const block::Meta>(std::move(meta)));
  return RemoveOthers(directory_, {}).ok() ? Step::kAgain
                                           : Fail(Failure::Retry(base::Internal("cleaning ", directory_)));
}

void GroupCompaction::Replace(const std::vector<MetaPtr>& replaced, const MetaPtr& by) {
  changed_ = true;
  std::erase_if(group_.blocks, [&](const MetaPtr& meta) {
    return std::find(replaced.begin(), replaced.end(), meta) != replaced.end();
  });
  if (by != nullptr) {
    group_.blocks.push_back(by);
    SortByMinTime(&group_.blocks);
  }
}

}  // namespace thanos::compact::internal
