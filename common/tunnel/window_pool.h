// Memory that channels share to keep more bytes on their way than each is given from the start.
#ifndef TRIBUTARY_COMMON_TUNNEL_WINDOW_POOL_H_
#define TRIBUTARY_COMMON_TUNNEL_WINDOW_POOL_H_

#include <cstdint>

#include "common/check.h"

namespace tributary::tunnel {

// Not thread-safe. Outlives the muxes that draw from it.
class WindowPool {
 public:
  explicit WindowPool(uint64_t bytes) : left_(bytes), total_(bytes) {}

  // False, and nothing taken, if there is not so much.
  bool Take(uint64_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void GiveBack(uint64_t bytes) {
    left_ += bytes;
    CHECK(left_ <= total_, "a pool of ", total_, " bytes got back ", left_);
  }
  uint64_t left_bytes() const { return left_; }

 private:
  uint64_t left_;
  const uint64_t total_;
};

}  // namespace tributary::tunnel

#endif  // TRIBUTARY_COMMON_TUNNEL_WINDOW_POOL_H_
