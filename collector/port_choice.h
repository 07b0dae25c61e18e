// Which port the collector listens on.
//
//   --port N     exactly N; 0 is any free one
//   --logdir     the first free one of 6006..6105, as TensorBoard
//   --data       the first start as above; later ones take the port of the first, or fail naming
//                its holder: agents must not find somebody else where the collector was
#ifndef TRIBUTARY_COLLECTOR_PORT_CHOICE_H_
#define TRIBUTARY_COLLECTOR_PORT_CHOICE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace tributary {

inline constexpr uint16_t kFirstPort = 6006;
inline constexpr int kPortsTried = 100;

struct PortWish {
  std::optional<uint16_t> exact;
  // What the store remembers; nullopt without a store, or at its first start.
  std::optional<uint16_t> remembered;
};

// Calls `listen` with one port after another until it is OK. `listen` returns AlreadyExists, with
// a message that names the holder, for a port that is taken; any other error ends the search. The
// error of the whole is one line for people. After a search that passed taken ports,
// `*passed_over` is why the first one was not it.
absl::Status ChoosePort(const PortWish& wish,
                        const std::function<absl::Status(uint16_t port)>& listen,
                        std::string* passed_over);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_PORT_CHOICE_H_
