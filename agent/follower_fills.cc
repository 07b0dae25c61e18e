// The part of Follower that watches ranges which were handed on as zeros.
#include <algorithm>
#include <utility>

#include "agent/follower.h"

namespace tributary::agent {
namespace {

template <typename Range>
bool Overlap(const Damage& damage, const Range& range) {
  return damage.offset < range.end() && range.offset < damage.offset + damage.length_bytes;
}

}  // namespace

bool Follower::watches(TailedFileId id) const {
  return id < files_.size() && files_[id].unfilled != nullptr;
}

bool Follower::fills_pending(TailedFileId id) const {
  if (!watches(id)) return false;
  return std::any_of(files_[id].unfilled->begin(), files_[id].unfilled->end(),
                     [](const Unfilled& range) { return range.filled; });
}

bool Follower::RangeIsFilled(TailedFileId id, Unfilled* range, bool* all_zeros) {
  const uint64_t start = range->record_offset;
  TfRecordReader reader(TfRecordReader::Options{.start_offset = start,
                                                .record_bytes_max = 16u << 10,
                                                .record_head_bytes = 0,
                                                .resync_record_bytes_max = 16u << 10});
  std::string block;
  *all_zeros = true;
  uint64_t offset = start;
  while (reader.boundary_offset() < range->end()) {
    // The next look goes on from the boundary that this one came to.
    if (offset - start >= options_.look_bytes_max) return false;
    block.resize(options_.block_bytes_max);
    // An unreadable file is not filled; its error shows where it is followed.
    const absl::StatusOr<size_t> bytes = tailer_->Read(id, offset, absl::MakeSpan(block));
    if (!bytes.ok() || *bytes == 0) return false;
    block.resize(*bytes);
    const uint64_t begin = std::max(range->offset, offset);
    const uint64_t end = std::min(range->end(), offset + block.size());
    for (uint64_t at = begin; at < end && *all_zeros; ++at) {
      *all_zeros = block[at - offset] == '\0';
    }
    reader.Feed(block);
    do {
      // Zeros before the range are not what is looked at.
      if (reader.stuck_at_zeros()) reader.TakeZerosAsDamage();
      while (const std::optional<TfRecordReader::Outcome> outcome = reader.Next()) {
        if (outcome->damage.has_value() && Overlap(*outcome->damage, *range)) return false;
      }
    } while (reader.stuck_at_zeros());
    offset += block.size();
    if (!reader.framing_holds() && offset >= range->end()) return false;
    if (reader.framing_holds() && reader.boundary_offset() <= range->offset) {
      range->record_offset = reader.boundary_offset();
    }
  }
  return true;
}

absl::Duration Follower::LookAtRanges(TailedFileId id) {
  absl::Duration next = absl::InfiniteDuration();
  if (!watches(id)) return next;
  File& f = file(id);
  const absl::Duration now = clock_->Monotonic();
  for (auto range = f.unfilled->begin(); range != f.unfilled->end();) {
    if (!range->filled && now < range->watch_until) {
      if (now >= range->next_look) {
        range->next_look = now + options_.watch_look;
        bool all_zeros = true;
        range->filled = RangeIsFilled(id, &*range, &all_zeros);
        if (range->filled && all_zeros) {
          // The records hold, zeros and all: nothing was ever missing.
          range = f.unfilled->erase(range);
          continue;
        }
      }
      if (!range->filled) next = std::min(next, range->next_look);
    }
    ++range;
  }
  if (f.unfilled->empty()) f.unfilled.reset();
  return next;
}

std::optional<Follower::Block> Follower::NextFill(TailedFileId id, uint64_t bytes_max) {
  if (!watches(id)) return std::nullopt;
  for (Unfilled& range : *file(id).unfilled) {
    if (!range.filled || range.sent_to >= range.end()) continue;
    Block block;
    block.kind = Block::Kind::kBytes;
    block.offset = range.sent_to;
    block.data.resize(std::min({bytes_max, options_.block_bytes_max, range.end() - range.sent_to}));
    const absl::StatusOr<size_t> bytes =
        tailer_->Read(id, range.sent_to, absl::MakeSpan(block.data));
    if (!bytes.ok() || *bytes < block.data.size()) {
      // The file went away under us: look again when it is back.
      range.filled = false;
      range.sent_to = range.durable_to;
      continue;
    }
    range.sent_to += *bytes;
    return block;
  }
  return std::nullopt;
}

void Follower::FillDurable(TailedFileId id, uint64_t offset, uint64_t length_bytes) {
  if (!watches(id)) return;
  File& f = file(id);
  const uint64_t end = offset + length_bytes;
  bool complete = false;
  for (auto range = f.unfilled->begin(); range != f.unfilled->end();) {
    if (range->filled && offset <= range->durable_to && range->durable_to < end) {
      range->durable_to = std::min(end, range->sent_to);
    }
    if (range->filled && range->durable_to >= range->end()) {
      range = f.unfilled->erase(range);
      complete = true;
    } else {
      ++range;
    }
  }
  if (f.unfilled->empty()) f.unfilled.reset();
  // What is known by heart may have had zeros there. If it cannot be read now, the file is looked
  // at without it until more of it was handed on.
  if (complete) Memorise(id, &f).IgnoreError();
}

void Follower::RepeatFills(TailedFileId id) {
  if (!watches(id)) return;
  for (Unfilled& range : *file(id).unfilled) range.sent_to = range.durable_to;
}

void Follower::ForgetFills(TailedFileId id) {
  if (!watches(id)) return;
  for (Unfilled& range : *file(id).unfilled) {
    range.filled = false;
    range.sent_to = range.durable_to;
    range.watch_until = -absl::InfiniteDuration();
  }
}

}  // namespace tributary::agent
