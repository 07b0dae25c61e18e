#include "agent/guest.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

namespace tributary::agent {
namespace {

constexpr int kNice = 10;
// linux/ioprio.h: the class stands above 13 bits of data.
constexpr int kIoprioWhoProcess = 1;
constexpr int kIoprioIdle = 3 << 13;

}  // namespace

absl::Status BecomeGuest() {
  std::string refused;
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  if (errno == 0 && now < kNice && setpriority(PRIO_PROCESS, 0, kNice) != 0) {
    refused = absl::ErrnoToStatus(errno, "nice 10").ToString();
  }
  if (syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kIoprioIdle) != 0) {
    absl::StrAppend(&refused, refused.empty() ? "" : "; ",
                    absl::ErrnoToStatus(errno, "idle I/O class").ToString());
  }
  return refused.empty() ? absl::OkStatus() : absl::PermissionDeniedError(refused);
}

}  // namespace tributary::agent
