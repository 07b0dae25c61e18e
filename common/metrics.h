// Metrics of one process, in the text that Prometheus reads. Hides prometheus-cpp.
//
// A component has one struct of metrics whose methods are verbs (RecordDropped(cause, n)); names
// and help stand in its .cc only. Names are <component>_<what>_<unit>, counters end in _total.
// Labels have few values: never a run, a tag or a path.
#ifndef TRIBUTARY_COMMON_METRICS_H_
#define TRIBUTARY_COMMON_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace tributary {

// The three below are handles: cheap to copy, valid as long as their registry, thread-safe. A
// handle made by the default constructor counts nothing.

class Counter {
 public:
  Counter() = default;
  void Increment(uint64_t by = 1);
  uint64_t value() const;

 private:
  friend class MetricsRegistry;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  void Set(double value);
  void Add(double by);
  double value() const;

 private:
  friend class MetricsRegistry;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  void Observe(double value);
  void ObserveMillis(absl::Duration duration) { Observe(absl::ToDoubleMilliseconds(duration)); }

 private:
  friend class MetricsRegistry;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  prometheus::Histogram* histogram_ = nullptr;
};

// Thread-safe.
class MetricsRegistry {
 public:
  using Labels = std::map<std::string, std::string>;

  MetricsRegistry();
  ~MetricsRegistry();

  // The metric of this name and these labels; the same one again if it was added before. A name
  // that is not [a-z_][a-z0-9_]*, a counter's that does not end in _total, or one name for two
  // kinds, is a bug.
  Counter AddCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `bounds` are upper bounds of the buckets, ascending.
  Histogram AddHistogram(const std::string& name, const std::string& help,
                         const std::vector<double>& bounds, const Labels& labels = {});

  // Runs before each Text(), to set gauges that nobody keeps up to date. May be called on any
  // thread; `refresh` must stay valid as long as the registry.
  void AddRefresh(std::function<void()> refresh);
  // The usual process_* metrics: resident memory, CPU seconds, open descriptors, start time, and
  // `build_info` with the version.
  void AddProcessMetrics(const std::string& version, absl::Time start);

  // Everything in Prometheus' text format 0.0.4.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The Content-Type of Text().
inline constexpr absl::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_METRICS_H_
