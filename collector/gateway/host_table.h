// Which Host headers are ours. A page of somebody else's whose name was made to lead to this
// machine (DNS rebinding) has a Host that is not.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_HOST_TABLE_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_HOST_TABLE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/mutex.h"

namespace tributary::gateway {

struct HostPort {
  std::string host;  // lower case, without brackets and a dot at its end
  std::string port;  // empty if there is none
};
// Of "head:6006", "[::1]:6006". An empty host for what is neither.
HostPort SplitHost(absl::string_view text);

// Thread-safe.
class HostTable {
 public:
  struct Options {
    // Names that lead here by the operator's word; "*" takes every name.
    std::vector<std::string> allowed;
    // Bases below which every service has a name, beside "localhost".
    std::vector<std::string> bases;
  };
  enum class Kind {
    kOurs,
    kService,  // "<label>.<base>"
    kForeign,
  };
  struct Place {
    Kind kind = Kind::kForeign;
    std::string label;  // of kService
  };

  explicit HostTable(const Options& options);

  // "localhost", numeric addresses, names without a dot (nobody can own one), the machine's own and
  // the configured ones are ours. A request without a Host, which no browser sends, is ours too.
  Place Find(absl::string_view host_header) const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the operator named this host.
  bool IsConfigured(absl::string_view host) const;
  // Whether a page of `origin` ("http://head:6006") belongs to who was asked by this Host: it is
  // the same, or one that the operator named, as behind a proxy that changes the Host.
  bool IsSameOrigin(absl::string_view origin, absl::string_view host_header) const;
  // What this machine is called, as the system tells.
  void SetMachineNames(const std::vector<std::string>& names) ABSL_LOCKS_EXCLUDED(mu_);
  // The base under which a viewer who came by this Host finds the services; empty if there is none
  // that leads here.
  std::string BaseFor(absl::string_view host_header) const;

 private:
  bool any_ = false;
  std::set<std::string> allowed_;
  std::vector<std::string> bases_;
  mutable Mutex mu_;
  std::set<std::string> machine_ ABSL_GUARDED_BY(mu_);
};

// What the system calls this machine: its host name, the full one, those of its addresses. May wait
// for a name server.
std::vector<std::string> MachineNames();

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_HOST_TABLE_H_
