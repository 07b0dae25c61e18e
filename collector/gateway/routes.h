// From a request to the service it is for, or to the page that says why there is none.
#ifndef TRIBUTARY_COLLECTOR_GATEWAY_ROUTES_H_
#define TRIBUTARY_COLLECTOR_GATEWAY_ROUTES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "collector/gateway/host_table.h"
#include "collector/gateway/http_head.h"
#include "collector/registry/service_board.h"
#include "common/http/message.h"

namespace tributary::gateway {

// How a request reaches its service.
struct Route {
  ServiceStatus service;
  // What the service is asked for: a path with its query.
  std::string target;
  // "/node/<node>/<service>" below --path_prefix; empty if the service has an origin of its own, as
  // then nothing is taken off and no cookie can be meant for somebody else.
  std::string prefix;
  // The prefix is not part of `target`.
  bool strips = false;
};

struct Decision {
  // Exactly one is set, unless the request is for the collector itself.
  std::optional<Route> route;
  std::optional<http::Response> answer;

  bool is_for_collector() const { return !route.has_value() && !answer.has_value(); }
};

// Thread-safe.
class Routes {
 public:
  struct Options {
    std::string path_prefix;  // "/tb", or empty
  };
  // Both must outlive this.
  Routes(const Options& options, const ServiceBoard* board, const HostTable* hosts)
      : options_(options), board_(board), hosts_(hosts) {}

  // `local_port`: to which the connection came. A Host that is not ours is the collector's to
  // refuse.
  Decision Decide(const RequestHead& request, uint16_t local_port) const;

 private:
  Decision ByPath(const RequestHead& request, absl::string_view below_node) const;
  Decision ByPort(const RequestHead& request, uint16_t port) const;
  Decision ByLabel(const RequestHead& request, const std::string& label) const;
  // An answer if the service cannot be opened now.
  static std::optional<http::Response> Unavailable(const ServiceStatus& service);
  Decision ToOwnOrigin(const RequestHead& request, const ServiceStatus& service,
                       absl::string_view rest) const;

  const Options options_;
  const ServiceBoard* const board_;
  const HostTable* const hosts_;
};

// A page for people. `lines` are text, not HTML.
http::Response ErrorPage(int status, absl::string_view title,
                         const std::vector<std::string>& lines);

}  // namespace tributary::gateway

#endif  // TRIBUTARY_COLLECTOR_GATEWAY_ROUTES_H_
