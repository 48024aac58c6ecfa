#pragma once

// Instruments with Prometheus' semantics over prometheus-cpp's core, and the text exposition. A Registry is
// passed in, never global. Instruments are owned by their registry, stable in memory and thread-safe; asking
// twice for the same name and labels gives the same instrument.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thanos::telemetry {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Increment(double by = 1) = 0;
  virtual double Value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double by) = 0;
  virtual double Value() const = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

class Summary {
 public:
  virtual ~Summary() = default;
  virtual void Observe(double value) = 0;
};

class Registry {
 public:
  static std::unique_ptr<Registry> Create();
  virtual ~Registry() = default;
  virtual Counter& AddCounter(std::string name, std::string help, MetricLabels labels = {}) = 0;
  virtual Gauge& AddGauge(std::string name, std::string help, MetricLabels labels = {}) = 0;
  // `bounds` are upper bounds, ascending, without +Inf.
  virtual Histogram& AddHistogram(std::string name, std::string help, std::vector<double> bounds,
                                  MetricLabels labels = {}) = 0;
  // The quantiles 0.5, 0.9 and 0.99 over the last ten minutes.
  virtual Summary& AddSummary(std::string name, std::string help, MetricLabels labels = {}) = 0;
  // A gauge whose value is read at exposition time; `read` must be cheap and thread-safe.
  virtual void AddGaugeCallback(std::string name, std::string help, MetricLabels labels,
                                std::function<double()> read) = 0;
  // Removes the instrument with these labels from a family, if it is there.
  virtual void Remove(std::string_view name, const MetricLabels& labels) = 0;
  // The Prometheus text format 0.0.4 of all instruments, process metrics (process_*) included.
  virtual std::string Expose() const = 0;
};

// A registry that exposes nothing, for tests.
Registry& NullRegistry();

// {start, start*factor, ...}, `count` bounds.
std::vector<double> ExponentialBounds(double start, double factor, int count);

}  // namespace thanos::telemetry
