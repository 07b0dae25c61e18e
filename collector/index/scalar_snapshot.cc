#include "collector/index/scalar_snapshot.h"

#include <algorithm>

namespace tributary {

void ScalarSnapshot::Filter(const Bounds& bounds, Part part, uint64_t place, size_t start,
                            size_t* cursor, ScalarPoints* out) const {
  size_t to = start;
  for (size_t from = start; from < out->steps.size(); ++from, ++place) {
    while (*cursor < dropped_.size() && dropped_[*cursor].end <= place) ++*cursor;
    const int64_t step = out->steps[from];
    if (bounds.from_step.has_value() && step < *bounds.from_step) continue;
    if (bounds.to_step.has_value() && step > *bounds.to_step) continue;
    if (part != Part::kAll) {
      const bool restarted = *cursor < dropped_.size() && dropped_[*cursor].begin <= place;
      const bool cut = bounds.cut_step.has_value() && step >= *bounds.cut_step;
      if ((restarted || cut) != (part == Part::kDropped)) continue;
    }
    out->steps[to] = step;
    out->wall_times[to] = out->wall_times[from];
    out->values[to] = out->values[from];
    ++to;
  }
  out->steps.resize(to);
  out->wall_times.resize(to);
  out->values.resize(to);
}

void ScalarSnapshot::Read(const Bounds& bounds, Part part, ScalarPoints* out) const {
  size_t cursor = 0;
  for (const auto& block : blocks_) {
    if (bounds.from_step.has_value() && block->max_step() < *bounds.from_step) continue;
    if (bounds.to_step.has_value() && block->min_step() > *bounds.to_step) continue;
    while (cursor < dropped_.size() && dropped_[cursor].end <= block->begin()) ++cursor;
    const bool untouched = cursor == dropped_.size() || dropped_[cursor].begin >= block->end();
    const bool uncut = !bounds.cut_step.has_value() || block->max_step() < *bounds.cut_step;
    if (part == Part::kDropped && untouched && uncut) continue;
    const size_t start = out->steps.size();
    block->ReadSteps(&out->steps);
    block->ReadWallTimes(&out->wall_times);
    block->ReadValues(&out->values);
    const bool within = (!bounds.from_step.has_value() || block->min_step() >= *bounds.from_step) &&
                        (!bounds.to_step.has_value() || block->max_step() <= *bounds.to_step);
    if (within && (part == Part::kAll || (part == Part::kKept && untouched && uncut))) continue;
    Filter(bounds, part, block->begin(), start, &cursor, out);
  }
  const size_t start = out->steps.size();
  for (uint32_t i = 0; i < tail_count_; ++i) {
    out->steps.push_back(tail_->steps()[i]);
    out->wall_times.push_back(tail_->wall_times()[i]);
    out->values.push_back(tail_->value(i));
  }
  Filter(bounds, part, summary_.points - tail_count_, start, &cursor, out);
}

void ScalarSnapshot::ReadKept(const Bounds& bounds, ScalarPoints* out) const {
  Read(bounds, Part::kKept, out);
}

void ScalarSnapshot::ReadDropped(const Bounds& bounds, ScalarPoints* out) const {
  Read(bounds, Part::kDropped, out);
}

void ScalarSnapshot::ReadAll(const Bounds& bounds, ScalarPoints* out) const {
  Read(bounds, Part::kAll, out);
}

uint64_t ScalarSnapshot::CountKept(std::optional<int64_t> cut_step) const {
  if (!cut_step.has_value() || summary_.last_step < *cut_step) return summary_.kept();
  ScalarPoints below;
  ReadKept(Bounds{cut_step, std::nullopt, std::nullopt}, &below);
  return below.steps.size();
}

}  // namespace tributary
