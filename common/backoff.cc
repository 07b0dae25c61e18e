#include "common/backoff.h"

#include <algorithm>

namespace tributary {

absl::Duration Backoff::Next() {
  // 2^20 times the first delay is past any cap; stopping there keeps the shift in range.
  const absl::Duration doubled = options_.first * (int64_t{1} << std::min(tries_, 20));
  ++tries_;
  return std::min(doubled, options_.cap) * (0.5 + 0.5 * random_->Unit());
}

}  // namespace tributary
