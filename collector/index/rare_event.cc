#include "collector/index/rare_event.h"

#include <limits>

#include "tensorboard/event.pb.h"

namespace tributary {

bool NormaliseEvent(absl::string_view payload, std::string* normal) {
  if (payload.size() > std::numeric_limits<int>::max()) return false;
  tensorboard::Event event;
  return event.ParseFromArray(payload.data(), static_cast<int>(payload.size())) &&
         event.SerializeToString(normal);
}

}  // namespace tributary
