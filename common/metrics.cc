#include "common/metrics.h"

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "common/check.h"
#include "common/mutex.h"

namespace tributary {
namespace {

void CheckName(const std::string& name) {
  bool good = !name.empty() && (name[0] < '0' || name[0] > '9');
  for (const char c : name) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  }
  CHECK(good, "Metric \"", name, "\"");
}

double ResidentBytes() {
  std::FILE* statm = std::fopen("/proc/self/statm", "re");
  if (statm == nullptr) return 0;
  long total = 0;
  long resident = 0;
  const int fields = std::fscanf(statm, "%ld %ld", &total, &resident);
  std::fclose(statm);
  if (fields != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double CpuSeconds() {
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries - 3;  // ".", "..", and the directory's own descriptor
}

}  // namespace

void Counter::Increment(uint64_t by) {
  if (counter_ != nullptr) counter_->Increment(static_cast<double>(by));
}
// Exact up to 2^53, as every count of Prometheus.
uint64_t Counter::value() const {
  return counter_ == nullptr ? 0 : static_cast<uint64_t>(std::llround(counter_->Value()));
}

void Gauge::Set(double value) {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::Add(double by) {
  if (gauge_ != nullptr) gauge_->Increment(by);
}
double Gauge::value() const { return gauge_ == nullptr ? 0 : gauge_->Value(); }

void Histogram::Observe(double value) {
  if (histogram_ != nullptr) histogram_->Observe(value);
}

struct MetricsRegistry::Impl {
  // Synchronised by itself.
  prometheus::Registry registry;
  Mutex mu;
  std::vector<std::function<void()>> refreshes ABSL_GUARDED_BY(mu);
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter MetricsRegistry::AddCounter(const std::string& name, const std::string& help,
                                    const Labels& labels) {
  CheckName(name);
  CHECK(absl::EndsWith(name, "_total"), "Counter \"", name, "\"");
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(&family.Add(labels));
}

Gauge MetricsRegistry::AddGauge(const std::string& name, const std::string& help,
                                const Labels& labels) {
  CheckName(name);
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return Gauge(&family.Add(labels));
}

Histogram MetricsRegistry::AddHistogram(const std::string& name, const std::string& help,
                                        const std::vector<double>& bounds, const Labels& labels) {
  CheckName(name);
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(&family.Add(labels, bounds));
}

void MetricsRegistry::AddRefresh(std::function<void()> refresh) {
  MutexLock lock(&impl_->mu);
  impl_->refreshes.push_back(std::move(refresh));
}

void MetricsRegistry::AddProcessMetrics(const std::string& version, absl::Time start) {
  AddGauge("process_start_time_seconds", "Start of the process, seconds since the Unix epoch.")
      .Set(absl::ToDoubleSeconds(start - absl::UnixEpoch()));
  AddGauge("tributary_build_info", "Always 1; the label tells the version.", {{"version", version}})
      .Set(1);
  Gauge resident = AddGauge("process_resident_memory_bytes", "Resident memory.");
  // A gauge by its type here, a counter by its name: the kernel counts, we only pass it on.
  Gauge cpu = AddGauge("process_cpu_seconds_total", "User and system CPU time, in seconds.");
  Gauge descriptors = AddGauge("process_open_fds", "Open file descriptors.");
  AddRefresh([resident, cpu, descriptors]() mutable {
    resident.Set(ResidentBytes());
    cpu.Set(CpuSeconds());
    descriptors.Set(OpenDescriptors());
  });
}

std::string MetricsRegistry::Text() const {
  std::vector<std::function<void()>> refreshes;
  {
    MutexLock lock(&impl_->mu);
    refreshes = impl_->refreshes;
  }
  for (const auto& refresh : refreshes) refresh();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace tributary
