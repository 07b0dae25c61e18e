#include "collector/port_choice.h"

#include "absl/strings/str_cat.h"

namespace tributary {

absl::Status ChoosePort(const PortWish& wish,
                        const std::function<absl::Status(uint16_t port)>& listen,
                        std::string* passed_over) {
  if (wish.exact.has_value()) return listen(*wish.exact);
  if (wish.remembered.has_value()) {
    absl::Status status = listen(*wish.remembered);
    if (absl::IsAlreadyExists(status)) {
      return absl::AlreadyExistsError(
          absl::StrCat(status.message(),
                       "; agents know this collector by that port: end the "
                       "other program, or choose a port by --port"));
    }
    return status;
  }
  absl::Status last;
  for (int i = 0; i < kPortsTried; ++i) {
    last = listen(static_cast<uint16_t>(kFirstPort + i));
    if (!absl::IsAlreadyExists(last)) return last;
    if (i == 0) *passed_over = std::string(last.message());
  }
  return absl::AlreadyExistsError(absl::StrCat("no port from ", kFirstPort, " to ",
                                               kFirstPort + kPortsTried - 1,
                                               " is free; the last one: ", last.message()));
}

}  // namespace tributary
