#include "agent/metrics.h"

namespace tributary::agent {

AgentMetrics::AgentMetrics(MetricsRegistry* registry)
    : connected_(registry->AddGauge("tributary_agent_connected",
                                    "1 while a session with the collector delivers, else 0.")),
      files_(registry->AddGauge("tributary_agent_files", "Event files and side files that exist.")),
      files_open_(registry->AddGauge("tributary_agent_files_open",
                                     "Files that the collector accepted in this session.")),
      files_behind_(registry->AddGauge("tributary_agent_files_behind",
                                       "Files with bytes that are not durable.")),
      files_unreadable_(registry->AddGauge("tributary_agent_files_unreadable",
                                           "Files whose last look or read failed.")),
      directories_unlisted_(registry->AddGauge("tributary_agent_directories_unlisted",
                                               "Directories that are there and cannot be listed.")),
      files_left_out_(registry->AddGauge("tributary_agent_files_left_out",
                                         "Side files that are larger than the limit, or that the "
                                         "collector does not take.")),
      logdirs_missing_(
          registry->AddGauge("tributary_agent_logdirs_missing", "Logdirs that do not exist yet.")),
      file_bytes_(
          registry->AddGauge("tributary_agent_file_bytes", "Sizes of the files that exist.")),
      received_bytes_(registry->AddGauge("tributary_agent_received_bytes",
                                         "Of the file bytes, those visible at the collector.")),
      durable_bytes_(registry->AddGauge("tributary_agent_durable_bytes",
                                        "Of the file bytes, those safe at the collector.")),
      in_flight_bytes_(registry->AddGauge("tributary_agent_in_flight_bytes",
                                          "Bytes that were sent and are not received yet.")),
      credit_bytes_(registry->AddGauge("tributary_agent_credit_bytes",
                                       "Bytes that the collector lets the agent send now.")),
      lag_seconds_(registry->AddGauge("tributary_agent_lag_seconds",
                                      "Age of the oldest byte that is not received.")),
      sent_bytes_{registry->AddCounter("tributary_agent_sent_bytes_total",
                                       "Payload bytes sent, repeats included.")},
      chunks_{registry->AddCounter("tributary_agent_sent_chunks_total", "Chunks sent.")},
      records_{registry->AddCounter("tributary_agent_read_records_total",
                                    "Records read with both checksums good.")},
      damaged_records_{registry->AddCounter("tributary_agent_damaged_records_total",
                                            "Records with a bad checksum; their bytes are sent.")},
      damaged_bytes_{registry->AddCounter("tributary_agent_damaged_bytes_total",
                                          "Bytes of damaged records and holes.")},
      unfilled_ranges_{registry->AddCounter("tributary_agent_unfilled_ranges_total",
                                            "Ranges sent as zeros that no file system filled.")},
      fills_{registry->AddCounter("tributary_agent_sent_fills_total",
                                  "Ranges sent again because they were filled late.")},
      assets_{registry->AddCounter("tributary_agent_sent_asset_versions_total",
                                   "Versions of side files sent whole.")},
      generations_{registry->AddCounter("tributary_agent_new_generations_total",
                                        "Files found with other bytes than were sent.")},
      connects_{registry->AddCounter("tributary_agent_connects_total",
                                     "Attempts to connect to the collector.")},
      refusals_{
          registry->AddCounter("tributary_agent_refusals_total", "Refusals by the collector.")} {}

void AgentMetrics::Total::Follow(uint64_t total) {
  const uint64_t before = counter.value();
  if (total > before) counter.Increment(total - before);
}

void AgentMetrics::Update(const Progress& progress, uint64_t missing_logdirs) {
  const auto set = [](Gauge& gauge, uint64_t value) { gauge.Set(static_cast<double>(value)); };
  connected_.Set(progress.state == SessionState::kStreaming ? 1 : 0);
  set(files_, progress.files);
  set(files_open_, progress.files_open);
  set(files_behind_, progress.files_behind);
  set(files_unreadable_, progress.files_unreadable);
  set(directories_unlisted_, progress.directories_unlisted);
  set(files_left_out_, progress.files_left_out);
  set(logdirs_missing_, missing_logdirs);
  set(file_bytes_, progress.bytes_on_disk);
  set(received_bytes_, progress.bytes_received);
  set(durable_bytes_, progress.bytes_durable);
  set(in_flight_bytes_, progress.in_flight_bytes);
  set(credit_bytes_, progress.credit_bytes);
  lag_seconds_.Set(absl::ToDoubleSeconds(progress.lag));
  sent_bytes_.Follow(progress.sent_bytes_total);
  chunks_.Follow(progress.chunks_sent_total);
  records_.Follow(progress.records_read_total);
  damaged_records_.Follow(progress.damaged_records_total);
  damaged_bytes_.Follow(progress.damaged_bytes_total);
  unfilled_ranges_.Follow(progress.unfilled_ranges_total);
  fills_.Follow(progress.fills_sent_total);
  assets_.Follow(progress.asset_versions_sent_total);
  generations_.Follow(progress.new_generations_total);
  connects_.Follow(progress.connects_total);
  refusals_.Follow(progress.refusals_total);
}

}  // namespace tributary::agent
