// All counters of the agent.
#ifndef TRIBUTARY_AGENT_METRICS_H_
#define TRIBUTARY_AGENT_METRICS_H_

#include <cstdint>

#include "agent/progress.h"
#include "common/metrics.h"

namespace tributary::agent {

// Keeps the metrics of one agent equal to its progress. Used on one thread; the text may be read on
// any. Bytes balance: file bytes = durable + received only + in flight + waiting at the source;
// nothing that was read is ever dropped, since the source keeps it.
class AgentMetrics {
 public:
  // `registry` must outlive this.
  explicit AgentMetrics(MetricsRegistry* registry);

  // `missing_logdirs`: logdirs that do not exist now.
  void Update(const Progress& progress, uint64_t missing_logdirs);

 private:
  // A counter that follows a total which somebody else counts.
  struct Total {
    Counter counter;
    void Follow(uint64_t total);
  };

  Gauge connected_, files_, files_open_, files_behind_, files_unreadable_, directories_unlisted_,
      files_left_out_, logdirs_missing_;
  Gauge file_bytes_, received_bytes_, durable_bytes_, in_flight_bytes_, credit_bytes_, lag_seconds_;
  Total sent_bytes_, chunks_, records_, damaged_records_, damaged_bytes_, unfilled_ranges_, fills_,
      assets_;
  Total generations_, connects_, refusals_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_METRICS_H_
