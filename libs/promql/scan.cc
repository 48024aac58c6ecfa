#include "promql/scan.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <numeric>

#include "base/mutex.h"
#include "concurrency/task_group.h"
#include "promql/series_worker.h"

namespace thanos::promql {
namespace {

// Series of a run go to one shard; runs go to the shards in turn.
constexpr uint64_t kRunLength = 128;
// The first series are processed by the reader itself: handing them over costs more than most of them do.
constexpr uint64_t kSeriesOfReader = 256;
// Runs that may wait per shard before the reader pauses.
constexpr size_t kQueuedRunsPerShard = 2;

// Consecutive series of one batch.
struct Run {
  std::shared_ptr<const series::SeriesBatch> batch;
  size_t begin = 0;
  size_t end = 0;
  uint64_t position = 0;  // of the first one in the selection
};

// Cuts the stream into runs at fixed positions, whatever the sizes of its batches are.
template <typename Emit>
base::Status ForEachRun(QueryContext& context, const base::CancelToken& cancel, SelectionReader& selected,
                        Emit emit) {
  uint64_t position = 0;
  while (true) {
    TH_ASSIGN_OR_RETURN(const std::shared_ptr<const series::SeriesBatch> batch, selected.Next(cancel));
    if (batch == nullptr) {
      return base::OkStatus();
    }
    TH_RETURN_IF_ERROR(cancel.status());
    for (const std::string& warning : batch->warnings) {
      context.annotations.Add(warning);
    }
    context.series_selected += static_cast<int64_t>(batch->series.size());
    for (size_t begin = 0; begin < batch->series.size();) {
      const size_t room = kRunLength - position % kRunLength;
      const size_t end = std::min(batch->series.size(), begin + room);
      TH_RETURN_IF_ERROR(emit(Run{batch, begin, end, position}));
      position += end - begin;
      begin = end;
    }
  }
}

base::Status ProcessRun(const base::CancelToken& cancel, SeriesWorker& worker, const Run& run) {
  for (size_t i = run.begin; i < run.end; ++i) {
    TH_RETURN_IF_ERROR(cancel.status());
    TH_RETURN_IF_ERROR(worker.Process(run.position + (i - run.begin), run.batch->series[i]));
  }
  return base::OkStatus();
}

// Runs each shard's queue in order on the pool, without ever holding a pool thread while there is nothing to
// do.
class ShardedScan {
 public:
  ShardedScan(concurrency::ThreadPool& pool, const base::CancelToken& parent,
              std::vector<SeriesWorker>& workers)
      : source_(parent), queues_(workers.size()), workers_(workers), group_(pool, source_.token()) {}

  base::CancelToken token() const { return source_.token(); }

  // Waits while the shards are behind. Called by the owner thread only.
  base::Status Push(size_t shard, Run run) {
    bool start = false;
    {
      base::MutexLock lock(mutex_);
      while (waiting_ >= kQueuedRunsPerShard * queues_.size() && !source_.token().cancelled()) {
        space_.wait_for(lock.native(), std::chrono::milliseconds(50));
      }
      queues_[shard].runs.push_back(std::move(run));
      ++waiting_;
      start = !std::exchange(queues_[shard].running, true);
    }
    TH_RETURN_IF_ERROR(source_.token().status());
    if (start) {
      group_.Add([this, shard](const base::CancelToken& cancel) { return Drain(shard, cancel); });
    }
    return base::OkStatus();
  }
  void Cancel(const base::Status& status) { source_.Cancel(status); }
  base::Status Wait() { return group_.Wait(); }

 private:
  struct Queue {
    std::deque<Run> runs;
    bool running = false;
  };

  base::Status Drain(size_t shard, const base::CancelToken& cancel) {
    while (true) {
      Run run;
      {
        base::MutexLock lock(mutex_);
        if (queues_[shard].runs.empty()) {
          queues_[shard].running = false;
          return base::OkStatus();
        }
        run = std::move(queues_[shard].runs.front());
        queues_[shard].runs.pop_front();
        --waiting_;
      }
      space_.notify_one();
      const base::Status status = ProcessRun(cancel, workers_[shard], run);
      if (!status.ok()) {
        source_.Cancel(status);
        space_.notify_one();
        return status;
      }
    }
  }

  base::CancelSource source_;
  base::Mutex mutex_;
  std::condition_variable space_;
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Queue> queues_ ABSL_GUARDED_BY(mutex_);
  std::vector<SeriesWorker>& workers_;  // each used by its shard's task only
  concurrency::TaskGroup group_;        // last: its destructor waits for the tasks
};

base::Status RunSharded(QueryContext& context, SelectionReader& selected,
                        std::vector<SeriesWorker>& workers) {
  if (context.options.cpu_pool == nullptr) {
    return ForEachRun(context, context.cancel, selected, [&](const Run& run) {
      return ProcessRun(context.cancel, workers[run.position / kRunLength % workers.size()], run);
    });
  }
  ShardedScan scan(*context.options.cpu_pool, context.cancel, workers);
  const base::Status read = ForEachRun(context, scan.token(), selected, [&](Run run) {
    const size_t shard = run.position / kRunLength % workers.size();
    // No shard has a task before all of these are done.
    return run.position < kSeriesOfReader ? ProcessRun(context.cancel, workers[shard], run)
                                          : scan.Push(shard, std::move(run));
  });
  if (!read.ok()) {
    scan.Cancel(read);
  }
  const base::Status processed = scan.Wait();
  return read.ok() ? processed : read;
}

// Collects the series of one shard.
class BlockSink final : public SeriesSink {
 public:
  explicit BlockSink(SampleBudget& budget) : budget_(budget) {}
  base::Status Add(uint64_t position, labels::LabelSpan series_labels, std::span<const double> row,
                   std::span<const HistogramPtr> row_histograms) override {
    TH_RETURN_IF_ERROR(charge.Add(budget_, static_cast<int64_t>(row.size()) + SampleWeight(row_histograms)));
    if (!row_histograms.empty()) {
      histograms.resize(positions.size() + 1);
      histograms.back().assign(row_histograms.begin(), row_histograms.end());
    }
    positions.push_back(position);
    labels.emplace_back(series_labels);
    values.insert(values.end(), row.begin(), row.end());
    return base::OkStatus();
  }

  std::vector<uint64_t> positions;
  std::vector<labels::Labels> labels;
  std::vector<double> values;
  std::vector<HistogramRow> histograms;  // as in Block
  SampleCharge charge;

 private:
  SampleBudget& budget_;
};

Block Combine(std::vector<std::unique_ptr<BlockSink>>& sinks, size_t num_steps) {
  Block out;
  out.num_steps = num_steps;
  size_t num_series = 0;
  for (const auto& sink : sinks) {
    num_series += sink->labels.size();
  }
  out.labels.reserve(num_series);
  out.values.reserve(num_series * num_steps);
  std::vector<size_t> next(sinks.size(), 0);
  while (out.labels.size() < num_series) {
    size_t best = sinks.size();
    for (size_t i = 0; i < sinks.size(); ++i) {
      if (next[i] < sinks[i]->positions.size() &&
          (best == sinks.size() || sinks[i]->positions[next[i]] < sinks[best]->positions[next[best]])) {
        best = i;
      }
    }
    const size_t row = next[best]++;
    if (row < sinks[best]->histograms.size()) {
      out.SetHistograms(out.num_series(), std::move(sinks[best]->histograms[row]));
    }
    out.labels.push_back(std::move(sinks[best]->labels[row]));
    const auto from = sinks[best]->values.begin() + static_cast<std::ptrdiff_t>(row * num_steps);
    out.values.insert(out.values.end(), from, from + static_cast<std::ptrdiff_t>(num_steps));
  }
  return out;
}

}  // namespace

void QueryContext::CountSamples(const StepGrid& steps, int64_t total, std::span<const int64_t> per_step) {
  const bool stands_for_all = steps.num_steps == 1 && grid.num_steps > 1 && steps.start_ms == grid.start_ms;
  total_queryable_samples += total * (stands_for_all ? static_cast<int64_t>(grid.num_steps) : 1);
  if (!options.per_step_stats) {
    return;
  }
  samples_per_step.resize(grid.num_steps, 0);
  if (stands_for_all) {
    for (int64_t& count : samples_per_step) {
      count += total;
    }
  } else if (steps == grid && per_step.size() == samples_per_step.size()) {
    for (size_t step = 0; step < per_step.size(); ++step) {
      samples_per_step[step] += per_step[step];
    }
  } else {
    samples_per_step.back() += total;
  }
}

bool Pipeline::KeepsSeriesApart() const {
  if (!drop_name) {
    return true;
  }
  return std::ranges::any_of(selector->matchers, [](const labels::Matcher& matcher) {
    return matcher.type() == labels::MatchType::kEqual && matcher.name() == labels::kMetricName &&
           !matcher.value().empty();
  });
}

base::Status RunScan(QueryContext& context, const Pipeline& pipeline, std::span<SeriesSink* const> sinks) {
  if (pipeline.grid.num_steps == 0) {
    return base::OkStatus();
  }
  TH_ASSIGN_OR_RETURN(const std::unique_ptr<SelectionReader> selected,
                      pipeline.hints.has_value()
                          ? context.selections.Open(pipeline.selector->matchers, *pipeline.hints)
                          : context.selections.Open(*pipeline.selector));
  std::vector<SeriesWorker> workers;
  workers.reserve(sinks.size());
  for (SeriesSink* sink : sinks) {
    workers.emplace_back(context, pipeline, *selected, *sink);
  }
  const base::Status status = RunSharded(context, *selected, workers);
  for (const SeriesWorker& worker : workers) {
    context.annotations.Merge(worker.annotations());
    context.samples_decoded += worker.samples_decoded();
    context.CountSamples(pipeline.grid, worker.queryable_samples(), worker.samples_per_step());
  }
  return status;
}

base::StatusOr<Block> ScanToBlock(QueryContext& context, const Pipeline& pipeline) {
  std::vector<std::unique_ptr<BlockSink>> sinks;
  std::vector<SeriesSink*> pointers;
  for (int shard = 0; shard < context.num_shards; ++shard) {
    sinks.push_back(std::make_unique<BlockSink>(context.budget));
    pointers.push_back(sinks.back().get());
  }
  TH_RETURN_IF_ERROR(RunScan(context, pipeline, pointers));
  Block block = Combine(sinks, pipeline.grid.num_steps);
  sinks.clear();
  TH_RETURN_IF_ERROR(block.charge.Add(context.budget, static_cast<int64_t>(block.values.size())));
  if (pipeline.mark_name_dropped) {
    DropNames(block, true);
  }
  if (!pipeline.KeepsSeriesApart()) {
    TH_RETURN_IF_ERROR(pipeline.labels_must_be_unique ? CheckUniqueLabels(block) : MergeEqualLabels(block));
  }
  return block;
}

base::Status ScanRaw(QueryContext& context, const promql_parser::VectorSelector& selector, int64_t min_ms,
                     int64_t max_ms, RawSeriesSink& sink) {
  TH_ASSIGN_OR_RETURN(const std::unique_ptr<SelectionReader> selected, context.selections.Open(selector));
  chunkenc::SampleColumns columns;
  HistogramSamples histograms;
  return ForEachRun(context, context.cancel, *selected, [&](const Run& run) -> base::Status {
    for (size_t i = run.begin; i < run.end; ++i) {
      const series::Series& series = run.batch->series[i];
      columns.Clear();
      TH_RETURN_IF_ERROR(selected->Decode(series, min_ms, max_ms, &columns));
      SplitHistograms(columns, &histograms);
      RemoveStaleMarkers(columns.timestamps, columns.values);
      const auto num_samples = static_cast<int64_t>(columns.size() + histograms.timestamps.size());
      context.samples_decoded += num_samples;
      context.CountSamples(context.grid, num_samples, {});
      if (num_samples != 0) {
        TH_RETURN_IF_ERROR(sink.Add(series.labels, columns.timestamps, columns.values, histograms));
      }
    }
    return base::OkStatus();
  });
}

}  // namespace thanos::promql
