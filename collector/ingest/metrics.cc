#include "collector/ingest/metrics.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace tributary {

IngestMetrics::IngestMetrics(MetricsRegistry* registry)
    : sessions_opened_(registry->AddCounter("tributary_collector_sessions_opened_total",
                                            "Connections of agents that were taken.")),
      sessions_closed_(registry->AddCounter("tributary_collector_sessions_closed_total",
                                            "Connections of agents that ended.")),
      streams_opened_(registry->AddCounter("tributary_collector_streams_opened_total",
                                           "Streams that agents opened, again ones included.")),
      bytes_accepted_(registry->AddCounter("tributary_collector_accepted_bytes_total",
                                           "Payload bytes taken from agents.")),
      bytes_stored_(registry->AddCounter("tributary_collector_stored_bytes_total",
                                         "Payload bytes appended to mirrors.")),
      bytes_repeated_(registry->AddCounter("tributary_collector_repeated_bytes_total",
                                           "Payload bytes that the mirror had already.")),
      bytes_refused_(registry->AddCounter("tributary_collector_refused_bytes_total",
                                          "Payload bytes refused; the agent sends them again.")),
      generations_started_(
          registry->AddCounter("tributary_collector_generations_started_total",
                               "Files whose bytes changed at the source: mirrored anew.")),
      bytes_filled_(registry->AddCounter("tributary_collector_filled_bytes_total",
                                         "Bytes put where a mirror had unfilled zeros.")),
      asset_bytes_taken_(registry->AddCounter("tributary_collector_asset_bytes_total",
                                              "Payload bytes of side files.")),
      assets_installed_(
          registry->AddCounter("tributary_collector_assets_installed_total",
                               "Versions of side files that became durable and visible.")),
      commit_seconds_(registry->AddHistogram(
          "tributary_collector_commit_seconds", "Time of a commit cycle, from noting to durable.",
          {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5})),
      streams_committed_(registry->AddCounter("tributary_collector_committed_streams_total",
                                              "Streams made durable, each cycle counted.")),
      commits_failed_(registry->AddCounter("tributary_collector_commits_failed_total",
                                           "Commit cycles that ended with an error.")),
      streams_sealed_(registry->AddCounter("tributary_collector_sealed_streams_total",
                                           "Mirrors whose sync failed.")),
      pool_reserved_bytes_(registry->AddGauge("tributary_collector_credit_reserved_bytes",
                                              "Credit held by agents and bytes in flight.")),
      pool_sessions_(registry->AddGauge("tributary_collector_sessions", "Agents connected now.")),
      streams_(registry->AddGauge("tributary_collector_streams", "Streams known to the store.")),
      store_full_(registry->AddGauge("tributary_collector_store_full",
                                     "1 while agents wait for space in the store, else 0.")) {
  for (int i = ingest::v1::RefusalReason_MIN; i <= ingest::v1::RefusalReason_MAX; ++i) {
    if (!ingest::v1::RefusalReason_IsValid(i)) continue;
    std::string name = ingest::v1::RefusalReason_Name(static_cast<ingest::v1::RefusalReason>(i));
    name = absl::AsciiStrToLower(absl::StripPrefix(name, "REFUSAL_REASON_"));
    refused_[i] =
        registry->AddCounter("tributary_collector_refusals_total",
                             "Sessions and streams refused, by reason.", {{"reason", name}});
  }
}

void IngestMetrics::SessionOpened() { sessions_opened_.Increment(); }
void IngestMetrics::SessionClosed() { sessions_closed_.Increment(); }
void IngestMetrics::Refused(ingest::v1::RefusalReason reason) {
  const auto it = refused_.find(reason);
  if (it != refused_.end()) it->second.Increment();
}
void IngestMetrics::StreamsOpened(uint64_t streams) { streams_opened_.Increment(streams); }
void IngestMetrics::BytesAccepted(uint64_t bytes) { bytes_accepted_.Increment(bytes); }
void IngestMetrics::BytesStored(uint64_t bytes) { bytes_stored_.Increment(bytes); }
void IngestMetrics::BytesRepeated(uint64_t bytes) { bytes_repeated_.Increment(bytes); }
void IngestMetrics::BytesRefused(uint64_t bytes) { bytes_refused_.Increment(bytes); }
void IngestMetrics::GenerationStarted() { generations_started_.Increment(); }
void IngestMetrics::FillTaken(uint64_t bytes) { bytes_filled_.Increment(bytes); }
void IngestMetrics::AssetBytesTaken(uint64_t bytes) { asset_bytes_taken_.Increment(bytes); }
void IngestMetrics::AssetInstalled() { assets_installed_.Increment(); }
void IngestMetrics::Committed(absl::Duration took, uint64_t streams) {
  commit_seconds_.Observe(absl::ToDoubleSeconds(took));
  streams_committed_.Increment(streams);
}
void IngestMetrics::CommitFailed() { commits_failed_.Increment(); }
void IngestMetrics::StreamSealed() { streams_sealed_.Increment(); }
void IngestMetrics::SetPool(uint64_t reserved_bytes, uint64_t sessions) {
  pool_reserved_bytes_.Set(static_cast<double>(reserved_bytes));
  pool_sessions_.Set(static_cast<double>(sessions));
}
void IngestMetrics::SetStoreFull(bool full) { store_full_.Set(full ? 1 : 0); }
void IngestMetrics::SetStreams(uint64_t streams) { streams_.Set(static_cast<double>(streams)); }

LocalMetrics::LocalMetrics(MetricsRegistry* registry)
    : damaged_places_(registry->AddCounter("tributary_collector_logdir_damaged_places_total",
                                           "Damaged records and holes in files of --logdir.")),
      damaged_bytes_(registry->AddCounter("tributary_collector_logdir_damaged_bytes_total",
                                          "Bytes of damaged records and holes in files of "
                                          "--logdir.")) {}

void LocalMetrics::Damaged(uint64_t places, uint64_t bytes) {
  damaged_places_.Increment(places);
  damaged_bytes_.Increment(bytes);
}

}  // namespace tributary
