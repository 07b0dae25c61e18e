// The part of Delivery that tells how far it is.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/delivery.h"

namespace tributary::agent {

void Delivery::AddTo(Progress* progress) const {
  const absl::Duration time = now();
  for (TailedFileId id = 0; id < streams_.size(); ++id) {
    const Stream& stream = streams_.at(id);
    const TailedFile& tailed = file(id);
    if (stream.asset && tailed.present && !Present(id)) ++progress->files_left_out;
    if (!tailed.present && !tailed.error.ok()) ++progress->files_unreadable;
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
  progress->directories_unlisted = deps_.tailer->unlisted_count();
  for (const UnlistedDirectory& directory : deps_.tailer->Unlisted(1)) {
    progress->directory_error = std::string(directory.error.message());
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
    const bool unseen = !tailed.present && !tailed.error.ok();
    if (draining_ && !unseen && stream.drain_to == Stream::kNone) continue;  // Came later.
    if (stream.asset && tailed.present && !Present(id)) continue;            // Not followed.
    const bool known = draining_ && stream.drain_to != Stream::kNone;
    const uint64_t size = known ? stream.drain_to : tailed.stat.size_bytes;
    const bool whole = stream.accepted ? IsWhole(id, size) : !tailed.present && size == 0;
    if (whole && !unseen) continue;
    FileLeft& entry = left.emplace_back();
    entry.logdir_name = options_.logdir_names[static_cast<size_t>(tailed.root)];
    entry.relative_path = tailed.relative_path;
    entry.size_bytes = size;
    entry.durable_bytes = std::min(size, DurableOf(id));
    const StreamTable::Retry* retry = streams_.FindRetry(id);
    if (unseen) {
      entry.why = absl::StrCat("unreadable: ", tailed.error.message());
    } else if (!tailed.present) {
      entry.why = "gone";
    } else if (retry != nullptr) {
      entry.why = retry->why;
    } else if (!stream.accepted) {
      entry.why = "not opened yet";
    } else {
      entry.why = "waiting for the collector";
    }
  }
  for (const UnlistedDirectory& directory : deps_.tailer->Unlisted(limit - left.size())) {
    FileLeft& entry = left.emplace_back();
    entry.logdir_name = options_.logdir_names[static_cast<size_t>(directory.root)];
    entry.relative_path = directory.relative_path;
    entry.why = std::string(directory.error.message());
    entry.is_directory = true;
  }
  return left;
}

}  // namespace tributary::agent
