#include "tests/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "base/strings.h"
#include "chunkenc/chunk.h"

namespace thanos::testdata {
namespace {

using base::Concat;
using LabelList = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t kBlockMs = 2 * 3600 * 1000;
constexpr size_t kSamplesPerChunk = 120;

enum class Kind { kGauge, kSmoothGauge, kCounter, kInteger };

struct Target {
  LabelList labels;
  Kind kind = Kind::kGauge;
};

labels::Labels ToLabels(LabelList list) {
  std::sort(list.begin(), list.end());
  std::vector<labels::LabelView> views;
  for (const auto& [name, value] : list) {
    views.push_back({name, value});
  }
  return labels::Labels(views);
}

// The families in a fixed order until there are enough series.
std::vector<Target> MakeTargets(int num_series) {
  std::vector<Target> targets;
  const auto add = [&](LabelList labels, Kind kind) { targets.push_back({std::move(labels), kind}); };
  for (int i = 0; static_cast<int>(targets.size()) < num_series; ++i) {
    const std::string instance = Concat("i-", i);
    const std::string job = i % 3 == 0 ? "api" : i % 3 == 1 ? "web" : "batch";
    for (const char* method : {"GET", "POST", "PUT"}) {
      for (const char* code : {"200", "404", "500"}) {
        add({{"__name__", "http_requests_total"},
             {"job", job},
             {"instance", instance},
             {"method", method},
             {"code", code}},
            Kind::kCounter);
      }
    }
    for (const char* le : {"0.1", "0.5", "1", "5", "+Inf"}) {
      add({{"__name__", "http_request_duration_seconds_bucket"},
           {"job", job},
           {"instance", instance},
           {"method", "GET"},
           {"le", le}},
          Kind::kCounter);
    }
    for (const char* kind : {"free", "cached", "used"}) {
      add({{"__name__", "node_memory_bytes"}, {"instance", instance}, {"kind", kind}}, Kind::kGauge);
    }
    for (const char* queue : {"mail", "image", "report"}) {
      add({{"__name__", "queue_length"}, {"instance", instance}, {"queue", queue}}, Kind::kInteger);
      add({{"__name__", "jobs_processed_total"}, {"instance", instance}, {"queue", queue}}, Kind::kCounter);
    }
    add({{"__name__", "temperature_celsius"}, {"room", Concat("r-", i)}, {"site", i % 2 == 0 ? "x" : "y"}},
        Kind::kSmoothGauge);
  }
  return targets;
}

// What happens at the target, sampled by both replicas at their own times.
class Process {
 public:
  Process(Kind kind, uint64_t seed) : kind_(kind), random_(seed), rate_(1 + static_cast<double>(seed % 97)) {}

  // Calls come with growing times.
  double At(int64_t timestamp_ms) {
    const double seconds = static_cast<double>(timestamp_ms) / 1000;
    const double elapsed = last_seconds_ == 0 ? 0 : seconds - last_seconds_;
    last_seconds_ = seconds;
    switch (kind_) {
      case Kind::kGauge:
        level_ += noise_(random_);
        return 1e6 + 1e5 * level_;
      case Kind::kSmoothGauge:
        return 20 + 5 * std::sin(seconds / 5000 + rate_) + 0.01 * noise_(random_) + rate_ / 1000;
      case Kind::kInteger:
        return std::floor(50 + 40 * std::sin(seconds / 3000 + rate_) + 5 * noise_(random_));
      case Kind::kCounter: {
        // About one restart in three hours.
        if (std::uniform_real_distribution<double>(0, 1)(random_) < elapsed / 10'800) {
          total_ = 0;
        }
        total_ += std::floor(rate_ * elapsed * (0.5 + std::uniform_real_distribution<double>(0, 1)(random_)));
        return total_;
      }
    }
    return 0;
  }

 private:
  Kind kind_;
  std::mt19937_64 random_;
  std::normal_distribution<double> noise_;
  double rate_;
  double level_ = 0;
  double total_ = 0;
  double last_seconds_ = 0;
};

struct Outage {
  int64_t from_ms = 0;
  int64_t to_ms = 0;
  bool stale = false;  // begins with a stale marker
};

// A replica misses a target now and then; two of three series have outages.
std::vector<Outage> MakeOutages(const DatasetOptions& options, std::mt19937_64& random) {
  std::vector<Outage> outages;
  std::uniform_int_distribution<int> chance(0, 99);
  std::uniform_int_distribution<int64_t> length(1, 60);
  if (chance(random) < 33) {
    return outages;
  }
  for (int64_t hour = options.start_ms + 3'600'000; hour < options.end_ms; hour += 3'600'000) {
    if (chance(random) < 12) {
      const int64_t from = hour + 600'000 + options.interval_ms * length(random) / 2;
      outages.push_back({from, from + options.interval_ms * length(random), chance(random) < 50});
    }
  }
  return outages;
}

void Scrape(const DatasetOptions& options, Kind kind, uint64_t seed, GeneratedSeries* series) {
  Process process(kind, seed);
  std::mt19937_64 random(seed ^ 0x9e3779b97f4a7c15ULL);
  const std::vector<Outage> outages[2] = {MakeOutages(options, random), MakeOutages(options, random)};
  std::uniform_int_distribution<int64_t> jitter(0, 50);
  bool was_out[2] = {false, false};
  for (int64_t tick = options.start_ms; tick + options.interval_ms < options.end_ms;
       tick += options.interval_ms) {
    for (int replica = 0; replica < 2; ++replica) {
      const int64_t timestamp = tick + 1000 + replica * options.replica_offset_ms + jitter(random);
      const double value = process.At(timestamp);
      const auto out = std::find_if(outages[replica].begin(), outages[replica].end(),
                                    [&](const Outage& o) { return tick >= o.from_ms && tick < o.to_ms; });
      const bool is_out = out != outages[replica].end();
      if (!is_out) {
        series->replicas[replica].push_back({timestamp, value});
      } else if (!was_out[replica] && out->stale) {
        series->replicas[replica].push_back({timestamp, chunkenc::StaleNan()});
      }
      was_out[replica] = is_out;
    }
  }
}

// One lane or the fold of two, read a sample at a time.
class Cursor {
 public:
  explicit Cursor(const std::vector<Sample>& samples) : samples_(samples) {}
  bool done() const { return position_ >= samples_.size(); }
  void Seek(int64_t timestamp_ms) {
    while (!done() && samples_[position_].timestamp_ms < timestamp_ms) {
      ++position_;
    }
  }
  int64_t timestamp_ms() const { return samples_[position_].timestamp_ms; }
  double value() const {
    const double raw = samples_[position_].value;
    // A stale marker is these very bits; arithmetic would make it an ordinary NaN.
    return chunkenc::IsStaleNan(raw) ? raw : raw + adjustment_;
  }
  void LiftTo(double value) {
    if (!done() && this->value() < value) {
      adjustment_ += value - this->value();
    }
  }

 private:
  const std::vector<Sample>& samples_;
  size_t position_ = 0;
  double adjustment_ = 0;
};

std::vector<Sample> Fold(const std::vector<Sample>& first, const std::vector<Sample>& second, bool counter) {
  constexpr int64_t kInitialPenaltyMs = 5000;
  Cursor a(first);
  Cursor b(second);
  std::vector<Sample> out;
  std::optional<int64_t> last;
  int64_t penalty_a = 0;
  int64_t penalty_b = 0;
  bool use_a = true;
  while (true) {
    if (last.has_value()) {
      a.Seek(*last + 1 + penalty_a);
      b.Seek(*last + 1 + penalty_b);
    }
    if (a.done() && b.done()) {
      return out;
    }
    const bool used_a = use_a;
    if (a.done() || b.done()) {
      use_a = !a.done();
      (use_a ? penalty_a : penalty_b) = 0;
    } else {
      use_a = a.timestamp_ms() <= b.timestamp_ms();
      const int64_t timestamp = use_a ? a.timestamp_ms() : b.timestamp_ms();
      (use_a ? penalty_b : penalty_a) = last.has_value() ? 2 * (timestamp - *last) : kInitialPenaltyMs;
      (use_a ? penalty_a : penalty_b) = 0;
    }
    if (counter && use_a != used_a && !out.empty()) {
      const double emitted = out.back().value;
      a.LiftTo(emitted);
      b.LiftTo(emitted);
    }
    const Cursor& used = use_a ? a : b;
    last = used.timestamp_ms();
    out.push_back({*last, used.value()});
  }
}

}  // namespace

std::vector<GeneratedSeries> Generate(const DatasetOptions& options) {
  std::vector<GeneratedSeries> all;
  uint64_t index = 0;
  for (const Target& target : MakeTargets(options.num_series)) {
    GeneratedSeries series;
    series.labels = ToLabels(target.labels);
    Scrape(options, target.kind, options.seed * 1'000'003 + index++, &series);
    all.push_back(std::move(series));
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.labels < b.labels; });
  return all;
}

std::vector<ChunkOfSamples> CutIntoChunks(const std::vector<Sample>& samples) {
  std::vector<ChunkOfSamples> chunks;
  for (const Sample& sample : samples) {
    if (chunks.empty() || chunks.back().size() == kSamplesPerChunk ||
        chunks.back().back().timestamp_ms / kBlockMs != sample.timestamp_ms / kBlockMs) {
      chunks.emplace_back();
    }
    chunks.back().push_back(sample);
  }
  return chunks;
}

std::vector<Sample> PlainDeduplicate(const std::vector<Sample>& a, const std::vector<Sample>& b,
                                     bool counter) {
  std::vector<ChunkOfSamples> chunks = CutIntoChunks(a);
  for (ChunkOfSamples& chunk : CutIntoChunks(b)) {
    chunks.push_back(std::move(chunk));
  }
  std::sort(chunks.begin(), chunks.end(), [](const auto& x, const auto& y) {
    return std::pair(x.front().timestamp_ms, x.back().timestamp_ms) <
           std::pair(y.front().timestamp_ms, y.back().timestamp_ms);
  });
  std::vector<std::vector<Sample>> lanes;
  for (const ChunkOfSamples& chunk : chunks) {
    const auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) {
      return l.back().timestamp_ms < chunk.front().timestamp_ms;
    });
    auto& target = lane == lanes.end() ? lanes.emplace_back() : *lane;
    target.insert(target.end(), chunk.begin(), chunk.end());
  }
  if (lanes.empty()) {
    return {};
  }
  std::vector<Sample> folded = lanes[0];
  for (size_t i = 1; i < lanes.size(); ++i) {
    folded = Fold(folded, lanes[i], counter);
  }
  return folded;
}

}  // namespace thanos::testdata
