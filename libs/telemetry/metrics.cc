#include "telemetry/metrics.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>
#include <prometheus/text_serializer.h>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "telemetry/process_metrics.h"

namespace thanos::telemetry {
namespace {

constexpr auto kSummaryAge = std::chrono::minutes(10);

class CounterImpl final : public Counter {
 public:
  explicit CounterImpl(prometheus::Counter& counter) : counter_(counter) {}
  void Increment(double by) override { counter_.Increment(by); }
  double Value() const override { return counter_.Value(); }
  prometheus::Counter& native() { return counter_; }

 private:
  prometheus::Counter& counter_;
};

class GaugeImpl final : public Gauge {
 public:
  explicit GaugeImpl(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }
  void Add(double by) override { gauge_.Increment(by); }
  double Value() const override { return gauge_.Value(); }
  prometheus::Gauge& native() { return gauge_; }

 private:
  prometheus::Gauge& gauge_;
};

class HistogramImpl final : public Histogram {
 public:
  explicit HistogramImpl(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }
  prometheus::Histogram& native() { return histogram_; }

 private:
  prometheus::Histogram& histogram_;
};

class SummaryImpl final : public Summary {
 public:
  explicit SummaryImpl(prometheus::Summary& summary) : summary_(summary) {}
  void Observe(double value) override { summary_.Observe(value); }
  prometheus::Summary& native() { return summary_; }

 private:
  prometheus::Summary& summary_;
};

prometheus::Labels ToNative(const MetricLabels& labels) {
  return prometheus::Labels(labels.begin(), labels.end());
}

prometheus::ClientMetric ToMetric(const prometheus::Labels& labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) {
    metric.label.push_back({name, value});
  }
  return metric;
}

// All instruments of one name and type.
template <typename Native, typename Impl>
struct FamilyOf {
  prometheus::Family<Native>* native = nullptr;
  std::map<prometheus::Labels, std::unique_ptr<Impl>> instruments;
};

template <typename Native, typename Impl, typename... Arguments>
Impl& AddTo(FamilyOf<Native, Impl>& family, const MetricLabels& labels, Arguments&&... arguments) {
  auto& slot = family.instruments[ToNative(labels)];
  if (slot == nullptr) {
    slot =
        std::make_unique<Impl>(family.native->Add(ToNative(labels), std::forward<Arguments>(arguments)...));
  }
  return *slot;
}

template <typename Families>
void RemoveFrom(Families& families, std::string_view name, const prometheus::Labels& labels) {
  const auto family = families.find(name);
  if (family == families.end()) {
    return;
  }
  const auto it = family->second.instruments.find(labels);
  if (it == family->second.instruments.end()) {
    return;
  }
  family->second.native->Remove(&it->second->native());
  family->second.instruments.erase(it);
}

struct CallbackFamily {
  std::string help;
  std::map<prometheus::Labels, std::function<double()>> callbacks;
};

// prometheus-cpp throws for malformed names and for one name with two types; both are our own mistakes, and
// end the process where they are made.
class RegistryImpl final : public Registry {
 public:
  Counter& AddCounter(std::string name, std::string help, MetricLabels labels) override {
    base::MutexLock lock(mutex_);
    auto& family = counters_[name];
    if (family.native == nullptr) {
      family.native = &prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
    }
    return AddTo(family, labels);
  }

  Gauge& AddGauge(std::string name, std::string help, MetricLabels labels) override {
    base::MutexLock lock(mutex_);
    auto& family = gauges_[name];
    if (family.native == nullptr) {
      family.native = &prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
    }
    return AddTo(family, labels);
  }

  Histogram& AddHistogram(std::string name, std::string help, std::vector<double> bounds,
                          MetricLabels labels) override {
    TH_CHECK(std::is_sorted(bounds.begin(), bounds.end()));
    base::MutexLock lock(mutex_);
    auto& family = histograms_[name];
    if (family.native == nullptr) {
      family.native = &prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
    }
    return AddTo(family, labels, bounds);
  }

  Summary& AddSummary(std::string name, std::string help, MetricLabels labels) override {
    base::MutexLock lock(mutex_);
    auto& family = summaries_[name];
    if (family.native == nullptr) {
      family.native = &prometheus::BuildSummary().Name(name).Help(help).Register(registry_);
    }
    const prometheus::Summary::Quantiles quantiles = {{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}};
    return AddTo(family, labels, quantiles, std::chrono::milliseconds(kSummaryAge), 5);
  }

  void AddGaugeCallback(std::string name, std::string help, MetricLabels labels,
                        std::function<double()> read) override {
    base::MutexLock lock(mutex_);
    auto& family = callbacks_[name];
    family.help = std::move(help);
    family.callbacks[ToNative(labels)] = std::move(read);
  }

  void Remove(std::string_view name, const MetricLabels& labels) override {
    const prometheus::Labels native = ToNative(labels);
    base::MutexLock lock(mutex_);
    RemoveFrom(counters_, name, native);
    RemoveFrom(gauges_, name, native);
    RemoveFrom(histograms_, name, native);
    RemoveFrom(summaries_, name, native);
    if (const auto it = callbacks_.find(name); it != callbacks_.end()) {
      it->second.callbacks.erase(native);
    }
  }

  std::string Expose() const override {
    std::vector<prometheus::MetricFamily> families = registry_.Collect();
    AddCallbacks(families);
    for (const ProcessValue& value : ReadProcessMetrics()) {
      prometheus::MetricFamily family;
      family.name = value.name;
      family.help = value.help;
      family.type = value.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
      prometheus::ClientMetric metric;
      metric.counter.value = value.value;
      metric.gauge.value = value.value;
      family.metric.push_back(std::move(metric));
      families.push_back(std::move(family));
    }
    SortAndMerge(families);
    return prometheus::TextSerializer().Serialize(families);
  }

 private:
  void AddCallbacks(std::vector<prometheus::MetricFamily>& families) const {
    std::map<std::string, CallbackFamily, std::less<>> callbacks;
    {
      base::MutexLock lock(mutex_);
      callbacks = callbacks_;
    }
    for (const auto& [name, callback_family] : callbacks) {
      prometheus::MetricFamily family;
      family.name = name;
      family.help = callback_family.help;
      family.type = prometheus::MetricType::Gauge;
      for (const auto& [labels, read] : callback_family.callbacks) {
        prometheus::ClientMetric metric = ToMetric(labels);
        metric.gauge.value = read();
        family.metric.push_back(std::move(metric));
      }
      families.push_back(std::move(family));
    }
  }

  // A name may stand only once in the exposition; a stable order keeps pages comparable.
  static void SortAndMerge(std::vector<prometheus::MetricFamily>& families) {
    std::stable_sort(families.begin(), families.end(),
                     [](const auto& a, const auto& b) { return a.name < b.name; });
    std::vector<prometheus::MetricFamily> merged;
    for (prometheus::MetricFamily& family : families) {
      if (family.metric.empty()) {
        continue;
      }
      if (!merged.empty() && merged.back().name == family.name) {
        std::move(family.metric.begin(), family.metric.end(), std::back_inserter(merged.back().metric));
      } else {
        merged.push_back(std::move(family));
      }
    }
    for (prometheus::MetricFamily& family : merged) {
      std::sort(family.metric.begin(), family.metric.end(),
                [](const auto& a, const auto& b) { return a.label < b.label; });
    }
    families = std::move(merged);
  }

  mutable base::Mutex mutex_;
  prometheus::Registry registry_;
  std::map<std::string, FamilyOf<prometheus::Counter, CounterImpl>, std::less<>> counters_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, FamilyOf<prometheus::Gauge, GaugeImpl>, std::less<>> gauges_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, FamilyOf<prometheus::Histogram, HistogramImpl>, std::less<>> histograms_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, FamilyOf<prometheus::Summary, SummaryImpl>, std::less<>> summaries_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, CallbackFamily, std::less<>> callbacks_ ABSL_GUARDED_BY(mutex_);
};

class NullCounter final : public Counter {
 public:
  void Increment(double) override {}
  double Value() const override { return 0; }
};
class NullGauge final : public Gauge {
 public:
  void Set(double) override {}
  void Add(double) override {}
  double Value() const override { return 0; }
};
class NullHistogram final : public Histogram {
 public:
  void Observe(double) override {}
};

class NullSummary final : public Summary {
 public:
  void Observe(double) override {}
};

class NullRegistryImpl final : public Registry {
 public:
  Counter& AddCounter(std::string, std::string, MetricLabels) override { return counter_; }
  Gauge& AddGauge(std::string, std::string, MetricLabels) override { return gauge_; }
  Histogram& AddHistogram(std::string, std::string, std::vector<double>, MetricLabels) override {
    return histogram_;
  }
  Summary& AddSummary(std::string, std::string, MetricLabels) override { return summary_; }
  void AddGaugeCallback(std::string, std::string, MetricLabels, std::function<double()>) override {}
  void Remove(std::string_view, const MetricLabels&) override {}
  std::string Expose() const override { return ""; }

 private:
  NullCounter counter_;
  NullGauge gauge_;
  NullHistogram histogram_;
  NullSummary summary_;
};

}  // namespace

std::unique_ptr<Registry> Registry::Create() {
  return std::make_unique<RegistryImpl>();
}

Registry& NullRegistry() {
  static auto& registry = *new NullRegistryImpl;
  return registry;
}

std::vector<double> ExponentialBounds(double start, double factor, int count) {
  std::vector<double> bounds;
  double bound = start;
  for (int i = 0; i < count; ++i) {
    bounds.push_back(bound);
    bound *= factor;
  }
  return bounds;
}

}  // namespace thanos::telemetry
