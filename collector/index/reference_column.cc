#include "collector/index/reference_column.h"

namespace tributary {

void ReferenceColumn::Add(const ReferencePoint& point) {
  if (staged_.points == 0) {
    staged_.min_step = point.step;
    staged_.max_wall_time = point.wall_time;
  } else {
    staged_.steps_ascend = staged_.steps_ascend && point.step > staged_.last_step;
    staged_.min_step = std::min(staged_.min_step, point.step);
    staged_.max_wall_time = std::max(staged_.max_wall_time, point.wall_time);
  }
  staged_.last_step = point.step;
  staged_.last_wall_time = point.wall_time;
  staged_.max_length = std::max(staged_.max_length, point.length);
  ++staged_.points;
  pending_.push_back(point);
}

void ReferenceColumn::Publish() {
  points_.insert(points_.end(), pending_.begin(), pending_.end());
  pending_.clear();
  published_ = staged_;
}

std::vector<ReferencePoint> ApplyRestarts(const std::vector<ReferencePoint>& points,
                                          std::optional<int64_t> cut_step, bool dropped) {
  std::vector<ReferencePoint> found;
  // From the end, `cut_step` is the smallest step of what follows.
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const bool obsolete = cut_step.has_value() && point->step >= *cut_step;
    if (obsolete == dropped) found.push_back(*point);
    if (!obsolete) cut_step = point->step;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace tributary
