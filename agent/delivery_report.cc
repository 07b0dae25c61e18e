// The part of Delivery that tells how far it is.
#include <algorithm>

#include "agent/delivery.h"

namespace tributary::agent {

void Delivery::AddTo(Progress* progress) const {
  const absl::Duration time = now();
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    const Stream& stream = streams_.at(id);
    const TailedFile& tailed = file(id);
    if (stream.asset && tailed.present && !Present(id)) ++progress->files_left_out;
    if (!Present(id)) continue;
    const uint64_t size = tailed.stat.size_bytes;
    const uint64_t durable = DurableOf(id);
    ++progress->files;
    progress->bytes_on_disk += size;
    progress->bytes_received += ReceivedOf(id);
    progress->bytes_durable += durable;
    const bool behind = stream.asset ? !assets_.IsDurable(id) : durable < size;
    if (behind) ++progress->files_behind;
    if (!tailed.error.ok() || stream.state == StreamState::kBlocked) ++progress->files_unreadable;
    if (stream.behind_since > -absl::InfiniteDuration()) {
      progress->lag = std::max(progress->lag, time - stream.behind_since);
    }
  }
  progress->files_open = static_cast<uint64_t>(std::max<int64_t>(0, streams_.open_streams()));
  progress->node = node_;
  progress->credit_bytes = credit_;
  progress->in_flight_bytes = streams_.in_flight_bytes() + assets_.in_flight_bytes();
  progress->sent_bytes_total = sent_bytes_total_;
  progress->chunks_sent_total = chunks_sent_total_;
  progress->fills_sent_total = fills_sent_total_;
  progress->asset_versions_sent_total = assets_.versions_sent();
  progress->new_generations_total = new_generations_total_;
  progress->refusals_total += refusals_total_;
  const Follower::Totals& totals = deps_.follower->totals();
  progress->records_read_total = totals.records;
  progress->damaged_records_total = totals.damaged_records;
  progress->damaged_bytes_total = totals.damaged_bytes;
  progress->unfilled_ranges_total = totals.unfilled_ranges;
}

std::vector<FileLeft> Delivery::Left(size_t limit) const {
  std::vector<FileLeft> left;
  for (TailedFileId id = 0; id < streams_.size() && left.size() < limit; ++id) {
    const Stream& stream = streams_.at(id);
    const TailedFile& tailed = file(id);
    if (draining_ && stream.drain_to == Stream::kNone) continue;   // Came later.
    if (stream.asset && tailed.present && !Present(id)) continue;  // Not followed.
    const uint64_t size = draining_ ? stream.drain_to : tailed.stat.size_bytes;
    const bool whole = stream.accepted ? IsWhole(id, size) : !tailed.present && size == 0;
    if (whole) continue;
    FileLeft& entry = left.emplace_back();
    entry.logdir_name = options_.logdir_names[static_cast<size_t>(tailed.root)];
    entry.relative_path = tailed.relative_path;
    entry.size_bytes = size;
    entry.durable_bytes = std::min(size, DurableOf(id));
    const StreamTable::Retry* retry = streams_.FindRetry(id);
    if (!tailed.present) {
      entry.why = "gone";
    } else if (retry != nullptr) {
      entry.why = retry->why;
    } else if (!stream.accepted) {
      entry.why = "not opened yet";
    } else {
      entry.why = "waiting for the collector";
    }
  }
  return left;
}

}  // namespace tributary::agent
