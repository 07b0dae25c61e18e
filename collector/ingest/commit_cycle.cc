#include "collector/ingest/commit_cycle.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tributary {

CommitCycle::CommitCycle(const Options& options, const Dependencies& dependencies)
    : options_(options), deps_(dependencies), began_at_(-absl::InfiniteDuration()) {}

void CommitCycle::MarkDirty() {
  if (marked_.exchange(true)) return;
  deps_.commit->Post([this] {
    if (running_) {
      again_ = true;
    } else {
      Schedule();
    }
  });
}

void CommitCycle::Finish(Task done) {
  deps_.commit->Post([this, done = std::move(done)]() mutable {
    finish_.push_back(std::move(done));
    if (running_) {
      again_ = true;
    } else {
      Begin();
    }
  });
}

void CommitCycle::Schedule() {
  if (scheduled_ || running_ || failed_) return;
  scheduled_ = true;
  const absl::Duration wait = options_.interval - (deps_.clock->Monotonic() - began_at_);
  const auto begin = [this] {
    if (scheduled_) Begin();
  };
  if (wait <= absl::ZeroDuration()) {
    deps_.commit->Post(begin);
  } else {
    deps_.commit->PostAfter(wait, begin);
  }
}

void CommitCycle::Begin() {
  scheduled_ = false;
  if (failed_) {
    for (Task& done : std::exchange(finish_, {})) done();
    return;
  }
  if (running_) return;
  running_ = true;
  // Before the shards note: what they take from here on marks anew.
  marked_.store(false);
  began_at_ = deps_.clock->Monotonic();
  std::move(finish_.begin(), finish_.end(), std::back_inserter(finishing_));
  finish_.clear();
  shards_left_ = deps_.shards.size();
  for (const Delivery::ShardSeat& seat : deps_.shards) {
    seat.queue->Post([this, seat] {
      deps_.commit->Post(
          [this, notes = seat.shard->Note()]() mutable { OnNotes(std::move(notes)); });
    });
  }
}

void CommitCycle::OnNotes(ShardNotes notes) {
  for (CommitNote& note : notes.notes) {
    CommitNote& latest = notes_[note.stream->id()];
    // The latest note tells all but that an earlier write to the same inode failed.
    if (latest.incarnation == note.incarnation) {
      note.distrusted = note.distrusted || latest.distrusted;
    }
    latest = std::move(note);
  }
  std::move(notes.fills.begin(), notes.fills.end(), std::back_inserter(fills_));
  if (--shards_left_ == 0) Commit();
}

void CommitCycle::Commit() {
  if (notes_.empty() && !deps_.store->awaits_disk()) {
    EndCycle();
    return;
  }
  std::vector<CommitNote> notes;
  notes.reserve(notes_.size());
  for (const auto& [id, note] : notes_) notes.push_back(note);
  absl::StatusOr<std::vector<DurableAdvance>> advances = deps_.store->Commit(std::move(notes));
  if (advances.ok()) {
    deps_.metrics->Committed(deps_.clock->Monotonic() - began_at_, advances->size());
    notes_.clear();
    TellAdvances(*std::move(advances));
    EndCycle();
    return;
  }
  deps_.metrics->CommitFailed();
  deps_.log->Error("commit failed; nothing was acknowledged", {{"error", advances.status()}});
  if (!absl::IsResourceExhausted(advances.status())) {
    failed_ = true;
    deps_.events->OnFatal(advances.status());
    EndCycle();
    return;
  }
  // The notes stay for the next cycle.
  running_ = false;
  scheduled_ = true;
  deps_.commit->PostAfter(options_.retry_after, [this] {
    if (scheduled_) Begin();
  });
}

void CommitCycle::TellAdvances(std::vector<DurableAdvance> advances) {
  std::vector<DurableAdvance> durable;
  absl::flat_hash_map<StreamId, bool> sealed;
  for (DurableAdvance& advance : advances) {
    if (!advance.sealed) {
      durable.push_back(std::move(advance));
      continue;
    }
    sealed[advance.stream->id()] = true;
    deps_.metrics->StreamSealed();
    deps_.log->Error("mirror was set back to what is durable; the rest is asked for again",
                     {{"path", advance.stream->mirror_path()},
                      {"durable", advance.durable},
                      {"state", advance.stream->health()}});
    const Delivery::ShardSeat& seat = deps_.shards[static_cast<size_t>(advance.stream->shard())];
    seat.queue->Post([this, seat, stream = advance.stream] {
      deps_.events->OnRewound(stream, seat.shard->Rewind(stream));
    });
  }
  // A fill into a file that was sealed is gone: the agent repeats it.
  std::vector<PendingFill> fills = std::exchange(fills_, {});
  std::erase_if(fills, [&](const PendingFill& fill) { return sealed.contains(fill.stream); });
  deps_.events->OnDurable(std::move(durable), std::move(fills));
}

void CommitCycle::EndCycle() {
  running_ = false;
  for (Task& done : std::exchange(finishing_, {})) done();
  if (!finish_.empty()) {
    Begin();
  } else if (std::exchange(again_, false)) {
    Schedule();
  }
  // Nobody marks a stream that takes no bytes.
  if (!failed_ && deps_.store->awaits_disk() && !std::exchange(retry_posted_, true)) {
    deps_.commit->PostAfter(options_.retry_after, [this] {
      retry_posted_ = false;
      Schedule();
    });
  }
}

}  // namespace tributary
