#include "compact/internal/merge_aggregates.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "chunkenc/aggr_chunk.h"
#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"
#include "dedup/chain.h"
#include "dedup/penalty.h"
#include "downsample/counter_resets.h"
#include "downsample/histogram_math.h"

namespace thanos::compact::internal {
namespace {

using chunkenc::AggregatePart;
using chunkenc::AggregateParts;
using chunkenc::Encoding;
using chunkenc::SampleColumns;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr size_t kWindowsPerChunk = 120;
enum Part : size_t { kCount = 0, kSum = 1, kMinimum = 2, kMaximum = 3, kCounter = 4 };
constexpr std::array<size_t, 2> kHistogramParts = {kSum, kCounter};

// The aggregates of chunks that follow each other.
struct Lane {
  std::array<SampleColumns, chunkenc::kNumAggregates> parts;
  std::array<bool, chunkenc::kNumAggregates> present = {true, true, true, true, true};
  int64_t end_ms = kMin;
  bool counter_is_histogram = false;
  downsample::CounterResets resets;
  double lift = 0;  // added to its counter

  base::Status Add(const LoadedChunk& chunk);
  // Position of the counter's sample at `time_ms`, or its size.
  size_t FindCounter(int64_t time_ms) const;
};

base::Status Lane::Add(const LoadedChunk& chunk) {
  end_ms = chunk.max_time_ms;
  TH_ASSIGN_OR_RETURN(const AggregateParts encoded, chunkenc::SplitAggregateChunk(chunk.data));
  const size_t before = parts[kCount].size();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (encoded[i].encoding == Encoding::kNone) {
      present[i] = false;
      continue;
    }
    const size_t start = parts[i].size();
    TH_RETURN_IF_ERROR(chunkenc::DecodeChunk(encoded[i].encoding, encoded[i].data, kMin, kMax, &parts[i]));
    if (i == kCounter && encoded[i].encoding == Encoding::kXor) {
      resets.Process(start, &parts[i]);
    } else if (i != kCount && !std::equal(parts[i].timestamps.begin() + static_cast<ptrdiff_t>(start),
                                          parts[i].timestamps.end(),
                                          parts[kCount].timestamps.begin() + static_cast<ptrdiff_t>(before),
                                          parts[kCount].timestamps.end())) {
      return base::DataLoss("aggregates of a chunk have different timestamps");
    }
  }
  counter_is_histogram = !parts[kCounter].histograms.empty();
  if (!present[kCount]) {
    return base::DataLoss("aggregate chunk without counts");
  }
  return base::OkStatus();
}

size_t Lane::FindCounter(int64_t time_ms) const {
  const auto& times = parts[kCounter].timestamps;
  const auto found = std::lower_bound(times.begin(), times.end(), time_ms);
  return found != times.end() && *found == time_ms ? static_cast<size_t>(found - times.begin())
                                                   : times.size();
}

base::StatusOr<std::vector<Lane>> DealIntoLanes(std::span<const LoadedChunk> cluster) {
  std::vector<Lane> lanes;
  for (const LoadedChunk& chunk : cluster) {
    auto lane = std::ranges::find_if(lanes, [&](const Lane& l) { return l.end_ms < chunk.min_time_ms; });
    if (lane == lanes.end()) {
      lane = lanes.emplace(lanes.end());
    }
    TH_RETURN_IF_ERROR(lane->Add(chunk));
  }
  return lanes;
}

struct Choice {
  int64_t time_ms = 0;
  size_t lane = 0;
  size_t position = 0;  // of the window in the lane
};

// The merge passes values through untouched, so they can say where a window comes from.
constexpr double kLaneFactor = 4294967296.0;

std::vector<Choice> ChooseWindows(const std::vector<Lane>& lanes, MergeFunction function) {
  SampleColumns merged;
  for (size_t i = 0; i < lanes.size(); ++i) {
    SampleColumns keys;
    keys.timestamps = lanes[i].parts[kCount].timestamps;
    for (size_t position = 0; position < keys.timestamps.size(); ++position) {
      keys.values.push_back(static_cast<double>(i) * kLaneFactor + static_cast<double>(position));
    }
    SampleColumns both;
    if (function == MergeFunction::kPenalty) {
      dedup::AppendPenaltyMerge(merged, keys, false, &both);
    } else {
      dedup::AppendChainMerge(merged, keys, &both);
    }
    merged = std::move(both);
  }
  std::vector<Choice> choices;
  for (size_t i = 0; i < merged.size(); ++i) {
    const auto key = static_cast<uint64_t>(merged.values[i]);
    choices.push_back({merged.timestamps[i], key >> 32, key & 0xffffffff});
  }
  return choices;
}

// Writes chosen windows as chunks.
class WindowWriter {
 public:
  WindowWriter(std::vector<Lane>& lanes, block::ChunkRecordBuffer* out) : lanes_(lanes), out_(out) {}

  base::Status Add(const Choice& choice);
  // Ends the last chunk. Its counter ends with the last raw value of the lane in use, which the chunk behind
  // the merged ones continues from.
  base::Status End() { return Finish(lanes_[last_lane_].resets.last_value()); }

 private:
  // Ends a chunk, whose counter `continues_from` this value in the next one.
  base::Status Finish(double continues_from);
  void AddFloats(Lane& lane, const Choice& choice);
  void AddCounter(Lane& lane, const Choice& choice);
  void TakeHistograms(const Lane& lane, const Choice& choice, std::array<model::Histogram, 2>* values) const;
  bool HistogramsFit(const std::array<model::Histogram, 2>& values) const;

  std::vector<Lane>& lanes_;
  block::ChunkRecordBuffer* out_;
  std::array<chunkenc::XorAppender, chunkenc::kNumAggregates> floats_;
  std::vector<int64_t> times_;
  std::array<std::vector<model::Histogram>, 2> histograms_;  // as kHistogramParts
  std::array<bool, chunkenc::kNumAggregates> present_{};
  bool is_histogram_ = false;
  size_t num_windows_ = 0;
  int64_t first_ms_ = 0;
  int64_t last_ms_ = kMin;  // of the last window, of an earlier chunk too
  size_t last_lane_ = 0;
  double last_counter_ = -std::numeric_limits<double>::infinity();
};

base::Status WindowWriter::Add(const Choice& choice) {
  Lane& lane = lanes_[choice.lane];
  const bool same_shape = lane.counter_is_histogram == is_histogram_ && lane.present == present_;
  std::array<model::Histogram, 2> histograms;
  if (lane.counter_is_histogram) {
    TakeHistograms(lane, choice, &histograms);
  }
  if (num_windows_ == kWindowsPerChunk || (num_windows_ > 0 && !same_shape) ||
      (num_windows_ > 0 && lane.counter_is_histogram && !HistogramsFit(histograms))) {
    TH_RETURN_IF_ERROR(Finish(last_counter_));
  }
  if (num_windows_ == 0) {
    present_ = lane.present;
    is_histogram_ = lane.counter_is_histogram;
    first_ms_ = choice.time_ms;
  }
  if (is_histogram_) {
    for (size_t i = 0; i < histograms.size(); ++i) {
      histograms_[i].push_back(std::move(histograms[i]));
    }
    times_.push_back(choice.time_ms);
  } else {
    AddFloats(lane, choice);
  }
  floats_[kCount].Append(choice.time_ms, lane.parts[kCount].values[choice.position]);
  ++num_windows_;
  last_ms_ = choice.time_ms;
  last_lane_ = choice.lane;
  return base::OkStatus();
}

void WindowWriter::AddFloats(Lane& lane, const Choice& choice) {
  for (const size_t part : {kSum, kMinimum, kMaximum}) {
    if (present_[part]) {
      floats_[part].Append(choice.time_ms, lane.parts[part].values[choice.position]);
    }
  }
  if (present_[kCounter]) {
    AddCounter(lane, choice);
  }
}

void WindowWriter::AddCounter(Lane& lane, const Choice& choice) {
  const SampleColumns& counter = lane.parts[kCounter];
  const size_t position = lane.FindCounter(choice.time_ms);
  if (position == counter.size()) {
    return;
  }
  if (num_windows_ == 0) {
    // The first raw sample of the first window, where there is one.
    size_t first = position;
    while (first > 0 && counter.timestamps[first - 1] > last_ms_) {
      --first;
    }
    if (counter.values[first] + lane.lift < last_counter_) {
      lane.lift = last_counter_ - counter.values[first];
    }
    if (first < position) {
      floats_[kCounter].Append(counter.timestamps[first], counter.values[first] + lane.lift);
    }
  }
  double value = counter.values[position] + lane.lift;
  if (value < last_counter_) {
    lane.lift += last_counter_ - value;
    value = last_counter_;
  }
  floats_[kCounter].Append(choice.time_ms, value);
  last_counter_ = value;
}

// Takes sum and counter of the window, to be encoded by Finish.
void WindowWriter::TakeHistograms(const Lane& lane, const Choice& choice,
                                  std::array<model::Histogram, 2>* values) const {
  for (size_t i = 0; i < kHistogramParts.size(); ++i) {
    if (!lane.present[kHistogramParts[i]]) {
      continue;
    }
    (*values)[i] = lane.parts[kHistogramParts[i]].histograms[choice.position].value;
    const bool gauge = (*values)[i].counter_reset_hint == model::CounterResetHint::kGauge;
    if (!gauge && (num_windows_ == 0 || choice.lane != last_lane_)) {
      (*values)[i].counter_reset_hint = model::CounterResetHint::kUnknown;
    }
  }
}

bool WindowWriter::HistogramsFit(const std::array<model::Histogram, 2>& values) const {
  for (size_t i = 0; i < values.size(); ++i) {
    if (present_[kHistogramParts[i]] && !histograms_[i].empty() &&
        !downsample::CanFollowInChunk(histograms_[i].back(), values[i])) {
      return false;
    }
  }
  return true;
}

base::Status WindowWriter::Finish(double continues_from) {
  if (num_windows_ == 0) {
    return base::OkStatus();
  }
  std::array<std::string, chunkenc::kNumAggregates> bytes;
  AggregateParts parts;
  if (present_[kCounter] && !is_histogram_) {
    floats_[kCounter].Append(last_ms_, continues_from);
  }
  for (const size_t part : {kCount, kSum, kMinimum, kMaximum, kCounter}) {
    Encoding encoding = Encoding::kXor;
    if (is_histogram_ && part != kCount) {
      const auto found = std::ranges::find(kHistogramParts, part);
      if (found == kHistogramParts.end() || !present_[part]) {
        continue;
      }
      encoding = Encoding::kFloatHistogram;
      if (!downsample::EncodeFloatHistograms(
              times_, histograms_[static_cast<size_t>(found - kHistogramParts.begin())], &bytes[part])) {
        return base::DataLoss("aggregated histograms do not fit one chunk");
      }
    } else {
      floats_[part].FinishTo(&bytes[part]);
    }
    if (present_[part]) {
      parts[part] = AggregatePart{encoding, bytes[part]};
    }
  }
  std::string data;
  chunkenc::JoinAggregateChunk(parts, &data);
  out_->AddChunk(first_ms_, last_ms_, Encoding::kAggregate, static_cast<uint32_t>(num_windows_), data);
  num_windows_ = 0;
  times_.clear();
  histograms_ = {};
  return base::OkStatus();
}

}  // namespace

base::Status MergeAggregates(std::span<const LoadedChunk> cluster, MergeFunction function,
                             block::ChunkRecordBuffer* out) {
  TH_ASSIGN_OR_RETURN(std::vector<Lane> lanes, DealIntoLanes(cluster));
  WindowWriter writer(lanes, out);
  for (const Choice& choice : ChooseWindows(lanes, function)) {
    TH_RETURN_IF_ERROR(writer.Add(choice));
  }
  return writer.End();
}

}  // namespace thanos::compact::internal
