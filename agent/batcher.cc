#include "agent/batcher.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace tributary::agent {

void Batcher::Add(uint32_t stream, uint64_t bytes, absl::Duration now) {
  CHECK(bytes > 0, "stream ", stream);
  if (stream >= entries_.size()) entries_.resize(size_t{stream} + 1);
  Entry& entry = entries_[stream];
  if (waiting_streams_ == 0) waiting_since_ = now;
  waiting_bytes_ += bytes - entry.bytes;
  entry.bytes = bytes;
  // A stream that turns from live to backlog while it waits keeps its place: it is its turn soon.
  if (entry.queue != Queue::kNone) return;
  ++waiting_streams_;
  const bool live = bytes <= options_.live_bytes_max;
  entry.queue = live ? Queue::kLive : Queue::kBacklog;
  (live ? live_ : backlog_).push_back(stream);
}

void Batcher::Remove(uint32_t stream) {
  if (stream >= entries_.size() || entries_[stream].queue == Queue::kNone) return;
  waiting_bytes_ -= entries_[stream].bytes;
  --waiting_streams_;
  entries_[stream] = Entry{};
}

void Batcher::Clear() {
  entries_.clear();
  live_.clear();
  backlog_.clear();
  waiting_streams_ = 0;
  waiting_bytes_ = 0;
}

bool Batcher::ShouldSend(const Room& room, absl::Duration now) const {
  if (empty() || room.bytes_max == 0) return false;
  if (room.idle) return true;
  if (std::min(waiting_bytes_, room.bytes_max) >= room.full_bytes) return true;
  return now - waiting_since_ >= options_.linger;
}

absl::Duration Batcher::next_send(const Room& room) const {
  if (empty() || room.bytes_max == 0) return absl::InfiniteDuration();
  return waiting_since_ + (room.idle ? absl::ZeroDuration() : options_.linger);
}

int64_t Batcher::PopFrom(std::deque<uint32_t>* queue, Queue kind) {
  while (!queue->empty()) {
    const uint32_t stream = queue->front();
    queue->pop_front();
    if (stream < entries_.size() && entries_[stream].queue == kind) return stream;
  }
  return -1;
}

int64_t Batcher::PopNext(bool live_allowed) {
  int64_t stream = -1;
  if (live_allowed) stream = PopFrom(&live_, Queue::kLive);
  if (stream < 0) stream = PopFrom(&backlog_, Queue::kBacklog);
  if (stream < 0) stream = PopFrom(&live_, Queue::kLive);
  return stream;
}

ingest::v1::Chunk Batcher::Build(uint64_t bytes_max, uint32_t slices_max, absl::Duration now,
                                 Source source) {
  ingest::v1::Chunk chunk;
  uint64_t room = bytes_max;
  uint64_t live_room = bytes_max / 2;
  while (room > 0 && static_cast<uint32_t>(chunk.slices_size()) < slices_max) {
    const int64_t next = PopNext(/*live_allowed=*/live_room > 0);
    if (next < 0) break;
    const uint32_t stream = static_cast<uint32_t>(next);
    const bool live = entries_[stream].queue == Queue::kLive;
    Remove(stream);
    Block block = source(stream, std::min(room, options_.turn_bytes_max));
    const uint64_t bytes = block.data.size();
    CHECK(bytes <= room, bytes, " bytes for a room of ", room);
    if (bytes == 0) continue;
    room -= bytes;
    if (live) live_room -= std::min(live_room, bytes);
    ingest::v1::Slice* slice = chunk.add_slices();
    slice->set_stream(stream);
    slice->set_generation(block.generation);
    slice->set_offset(block.offset);
    slice->set_data(std::move(block.data));
    if (block.left_bytes > 0) Add(stream, block.left_bytes, now);
  }
  waiting_since_ = now;
  return chunk;
}

}  // namespace tributary::agent
