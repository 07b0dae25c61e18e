// The scalar points of one series in one file, in file order, and which of them a later point of
// the same file made obsolete.
//
// One writer, many readers: the writer adds points that nobody sees, then publishes them all at
// once. The column has no lock of its own: Publish, summary and Take are called under the lock of
// the file; Add by the writer without it.
#ifndef TRIBUTARY_COLLECTOR_INDEX_SCALAR_COLUMN_H_
#define TRIBUTARY_COLLECTOR_INDEX_SCALAR_COLUMN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "collector/index/scalar_block.h"
#include "collector/index/scalar_snapshot.h"

namespace tributary {

class ScalarColumn {
 public:
  // By the writer. `exact_in_float`: `value` survives a round trip through float.
  void Add(int64_t step, double wall_time, double value, bool exact_in_float) {
    if (staged_.points > 0 && step <= staged_.last_step) [[unlikely]] {
      DropFrom(step);
    }
    if (tail_ == nullptr || tail_count_ == tail_->capacity() || (!exact_in_float && !tail_->wide()))
        [[unlikely]] {
      MakeRoom(!exact_in_float);
    }
    tail_->steps()[tail_count_] = step;
    tail_->wall_times()[tail_count_] = wall_time;
    if (tail_->wide()) {
      tail_->doubles()[tail_count_] = value;
    } else {
      tail_->floats()[tail_count_] = static_cast<float>(value);
    }
    ++tail_count_;
    NoteAdded(step, wall_time);
  }

  // Under the file's lock, by the writer: readers see all that was added.
  void Publish();

  // Under the file's lock, by readers.
  const ScalarSummary& summary() const { return published_; }
  ScalarSnapshot Take() const;

 private:
  // Restarts inside the file, made at the first one.
  struct Restarts {
    std::vector<IndexRange> staged;     // ascending, apart, of the writer
    std::vector<IndexRange> published;  // under the file's lock
    size_t unchanged = 0;               // staged and published agree on so many, from the start
  };

  void NoteAdded(int64_t step, double wall_time) {
    if (staged_.points == 0) {
      staged_.min_step = step;
      staged_.max_wall_time = wall_time;
    } else {
      staged_.min_step = std::min(staged_.min_step, step);
      if (wall_time < staged_.max_wall_time) {
        staged_.wall_times_ascend = false;
      } else {
        staged_.max_wall_time = wall_time;
      }
    }
    staged_.last_step = step;
    staged_.last_wall_time = wall_time;
    ++staged_.points;
  }
  // The point about to be added, with `step`, makes all kept points at or above it obsolete.
  void DropFrom(int64_t step);
  uint64_t FirstKeptAtOrAbove(int64_t step) const;
  // Seals or grows the tail so that one more point, wide if need be, has a place.
  void MakeRoom(bool wide);
  void Seal();

  const ScalarBlock& block(size_t i) const {
    return i < blocks_.size() ? *blocks_[i] : *pending_blocks_[i - blocks_.size()];
  }
  size_t block_count() const { return blocks_.size() + pending_blocks_.size(); }
  uint64_t tail_begin() const { return staged_.points - tail_count_; }
  int64_t StepAt(uint64_t place) const;

  // Of the writer.
  std::shared_ptr<ScalarTail> tail_;
  uint32_t tail_count_ = 0;
  ScalarSummary staged_;
  std::vector<std::shared_ptr<const ScalarBlock>> pending_blocks_;
  std::unique_ptr<Restarts> restarts_;
  // Changed by the writer under the file's lock, so that it may read them without.
  std::vector<std::shared_ptr<const ScalarBlock>> blocks_;
  std::shared_ptr<const ScalarTail> published_tail_;
  uint32_t published_tail_count_ = 0;
  ScalarSummary published_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_SCALAR_COLUMN_H_
