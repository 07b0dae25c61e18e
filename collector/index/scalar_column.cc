#include "collector/index/scalar_column.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace tributary {
namespace {

// A short series keeps a short tail; a long one is cut into blocks of up to so many points.
constexpr uint32_t kTailCapacityMin = 4;
constexpr uint32_t kBlockPointsMin = 128;
constexpr uint32_t kBlockPointsMax = 4096;
// Where the tail of a series that has blocks starts: it will be filled.
constexpr uint32_t kNextTailCapacity = 32;

// Blocks grow with the series: the uncompressed tail stays a small part of it.
uint32_t BlockPoints(uint64_t points) {
  uint32_t size = kBlockPointsMin;
  while (size < kBlockPointsMax && uint64_t{size} * 8 < points) size *= 2;
  return size;
}

}  // namespace

void ScalarColumn::Seal() {
  pending_blocks_.push_back(std::make_shared<const ScalarBlock>(*tail_, tail_count_, tail_begin()));
  tail_.reset();
  tail_count_ = 0;
}

void ScalarColumn::MakeRoom(bool wide) {
  const uint32_t block_points = BlockPoints(staged_.points);
  if (tail_ != nullptr) {
    const bool widen = wide && !tail_->wide();
    wide = wide || tail_->wide();
    if (tail_count_ >= block_points || (widen && tail_count_ > 0)) Seal();
  }
  if (tail_ == nullptr || tail_count_ == 0) {
    const uint32_t capacity = block_count() == 0 ? kTailCapacityMin : kNextTailCapacity;
    tail_ = std::make_shared<ScalarTail>(capacity, wide);
    tail_count_ = 0;
    return;
  }
  auto grown = std::make_shared<ScalarTail>(std::min(tail_->capacity() * 2, block_points), wide);
  grown->CopyFrom(*tail_, tail_count_);
  tail_ = std::move(grown);
}

int64_t ScalarColumn::StepAt(uint64_t place) const {
  if (place >= tail_begin()) return tail_->steps()[place - tail_begin()];
  // The last block that begins at or before the place.
  size_t low = 0;
  size_t high = block_count();
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (block(middle).begin() <= place ? low : high) = middle;
  }
  if (block(low).begin() == place) return block(low).first_step();
  std::vector<int64_t> steps;
  block(low).ReadSteps(&steps);
  return steps[place - block(low).begin()];
}

uint64_t ScalarColumn::FirstKeptAtOrAbove(int64_t step) const {
  uint64_t found = staged_.points;
  uint64_t end = staged_.points;
  // Kept ranges from the last to the first: steps ascend within each and from one to the next.
  for (size_t i = restarts_->staged.size() + 1; i-- > 0;) {
    const uint64_t begin = i == 0 ? 0 : restarts_->staged[i - 1].end;
    if (begin < end) {
      if (StepAt(begin) < step) {
        // The step at `low` is below; that at `high` is not, or `high` is the end of the range.
        uint64_t low = begin;
        uint64_t high = end;
        while (high - low > 1) {
          const uint64_t middle = low + (high - low) / 2;
          (StepAt(middle) < step ? low : high) = middle;
        }
        return high < end ? high : found;
      }
      found = begin;
    }
    if (i > 0) end = restarts_->staged[i - 1].begin;
  }
  return found;
}

void ScalarColumn::DropFrom(int64_t step) {
  if (restarts_ == nullptr) restarts_ = std::make_unique<Restarts>();
  std::vector<IndexRange>& ranges = restarts_->staged;
  // The last point is kept and not below `step`, so there is one.
  IndexRange dropped{FirstKeptAtOrAbove(step), staged_.points};
  while (!ranges.empty() && ranges.back().end >= dropped.begin) {
    dropped.begin = std::min(dropped.begin, ranges.back().begin);
    staged_.dropped -= ranges.back().end - ranges.back().begin;
    ranges.pop_back();
  }
  restarts_->unchanged = std::min(restarts_->unchanged, ranges.size());
  ranges.push_back(dropped);
  staged_.dropped += dropped.end - dropped.begin;
}

void ScalarColumn::Publish() {
  for (auto& block : pending_blocks_) blocks_.push_back(std::move(block));
  pending_blocks_.clear();
  published_tail_ = tail_;
  published_tail_count_ = tail_count_;
  published_ = staged_;
  if (restarts_ != nullptr) {
    restarts_->published.resize(restarts_->unchanged);
    restarts_->published.insert(
        restarts_->published.end(),
        restarts_->staged.begin() + static_cast<std::ptrdiff_t>(restarts_->unchanged),
        restarts_->staged.end());
    restarts_->unchanged = restarts_->staged.size();
  }
}

ScalarSnapshot ScalarColumn::Take() const {
  ScalarSnapshot snapshot;
  snapshot.blocks_ = blocks_;
  snapshot.tail_ = published_tail_;
  snapshot.tail_count_ = published_tail_count_;
  if (restarts_ != nullptr) snapshot.dropped_ = restarts_->published;
  snapshot.summary_ = published_;
  return snapshot;
}

}  // namespace tributary
