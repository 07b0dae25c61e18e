// Which Host headers and ports are ours, and which lead to services. A page of somebody else's
// whose name was made to lead to this machine (DNS rebinding) has a Host that is not.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_HOST_TABLE_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_HOST_TABLE_H_

#include <atomic>
#include <cstdint>
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

// Numbers; none if `first` is 0.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
  bool Has(uint16_t port) const { return first != 0 && port >= first && port <= last; }
};

// Thread-safe.
class HostTable {
 public:
  struct Options {
    // Names that lead here by the operator's word; "*" takes every name.
    std::vector<std::string> allowed = {};
    // Bases below which every service has a name, beside "localhost".
    std::vector<std::string> bases = {};
    // Ports of this machine that may lead to services.
    PortRange service_ports = {};
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

  const PortRange& service_ports() const { return service_ports_; }
  // The collector's own port, which no service has, once it is known.
  void SetOwnPort(uint16_t port) { own_port_ = port; }
  // Whether a connection to this port of ours is for a service and for nothing else, ever: a page
  // that was loaded there must not come to act as one of the collector's.
  bool IsServicePort(uint16_t port) const { return port != own_port_ && service_ports_.Has(port); }
  // Those that are listened on now.
  void SetOpenPorts(std::set<uint16_t> ports) ABSL_LOCKS_EXCLUDED(mu_);

  // Where a viewer who came by this Host finds the service of this label and port: the authority of
  // its origin, "<label>.<base>:<our port>" or "<host>:<its port>"; empty if none leads here.
  std::string OriginOf(absl::string_view host_header, absl::string_view label,
                       uint16_t service_port) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::string BaseFor(const std::string& host) const;

  bool any_ = false;
  std::set<std::string> allowed_;
  std::vector<std::string> bases_;
  PortRange service_ports_;
  std::atomic<uint16_t> own_port_ = 0;
  mutable Mutex mu_;
  std::set<std::string> machine_ ABSL_GUARDED_BY(mu_);
  std::set<uint16_t> open_ports_ ABSL_GUARDED_BY(mu_);
};

// What the system calls this machine: its host name, the full one, those of its addresses. May wait
// for a name server.
std::vector<std::string> MachineNames();

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_HOST_TABLE_H_
