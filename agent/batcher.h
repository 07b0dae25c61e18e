// Decides whose bytes travel next: turns many growing files into few chunks.
#ifndef TRIBUTARY_AGENT_BATCHER_H_
#define TRIBUTARY_AGENT_BATCHER_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// Holds no bytes: it knows how many each stream has, and asks a source for them when a chunk is
// built. Streams with few bytes (the scalars of a live run) come before those with many, but take
// at most half of a chunk while others wait; within either kind streams take turns. So a flush of
// scalars waits for one chunk at most, and no backlog starves.
//
// Not thread-safe. Owned by the delivery.
class Batcher {
 public:
  struct Options {
    // Bytes of one turn of a stream. One read; more would delay others, less costs a call each.
    uint64_t turn_bytes_max = 256u << 10;
    // A stream with at most so many bytes waiting counts as live.
    uint64_t live_bytes_max = 16u << 10;
    // Longest wait of a byte for company while the connection is busy.
    absl::Duration linger = absl::Milliseconds(5);
  };

  // The bytes of one turn.
  struct Block {
    uint64_t generation = 0;
    uint64_t offset = 0;
    std::string data;  // empty: nothing to send now, the stream leaves the queue
    uint64_t left_bytes = 0;
  };
  // Reads at most `bytes_max` of a stream. Must not call the batcher.
  using Source = absl::FunctionRef<Block(uint32_t stream, uint64_t bytes_max)>;

  explicit Batcher(const Options& options) : options_(options) {}

  // The stream has `bytes` > 0 to send; replaces what was known. Keeps its place in the queue.
  void Add(uint32_t stream, uint64_t bytes, absl::Duration now);
  void Remove(uint32_t stream);
  void Clear();

  bool empty() const { return waiting_streams_ == 0; }
  uint64_t waiting_bytes() const { return waiting_bytes_; }

  // What a chunk that is sent now may and would hold.
  struct Room {
    uint64_t bytes_max = 0;  // min(credit, limit of a chunk)
    // Payload from which on a chunk counts as full: the limit of a chunk, or less where there is
    // little credit, so that several chunks are on their way at once.
    uint64_t full_bytes = 0;
    bool idle = false;  // nothing sent is unanswered
  };
  // True when a chunk should go: at once on an idle connection, else when it is full or a byte has
  // waited for options.linger.
  bool ShouldSend(const Room& room, absl::Duration now) const;
  // When ShouldSend turns true by waiting alone; infinite if never.
  absl::Duration next_send(const Room& room) const;

  // A chunk of at most `bytes_max` bytes in at most `slices_max` slices; without slices if the
  // source had nothing.
  ingest::v1::Chunk Build(uint64_t bytes_max, uint32_t slices_max, absl::Duration now,
                          Source source);

 private:
  enum class Queue : uint8_t { kNone, kLive, kBacklog };
  struct Entry {
    uint64_t bytes = 0;
    Queue queue = Queue::kNone;
  };

  // Next stream in turn, out of its queue; -1 if none. `live_allowed`: the live ones have not used
  // up their part.
  int64_t PopNext(bool live_allowed);
  int64_t PopFrom(std::deque<uint32_t>* queue, Queue kind);

  const Options options_;

  std::vector<Entry> entries_;  // by stream
  // May hold numbers whose entry is in another queue, or in none: those are skipped.
  std::deque<uint32_t> live_;
  std::deque<uint32_t> backlog_;
  uint64_t waiting_streams_ = 0;
  uint64_t waiting_bytes_ = 0;
  // When the queue was last seen to turn from empty, or a chunk was built.
  absl::Duration waiting_since_;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_BATCHER_H_
