// Which proxy the environment asks for, by the rules of those who obey it.
#ifndef TRIBUTARY_AGENT_DOCTOR_PROXY_RULES_H_
#define TRIBUTARY_AGENT_DOCTOR_PROXY_RULES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/node_facts.h"

namespace tributary::agent {

// A variable of the environment that names a proxy for a host.
struct ProxyVariable {
  std::string name;
  std::string value;
};

// What gRPC would obey for `host`: the first of grpc_proxy, https_proxy and http_proxy, unless the
// host ends with an entry of no_grpc_proxy, or else no_proxy.
std::optional<ProxyVariable> ProxyOfGrpc(const Environment& environment, const std::string& host);

// What browsers, curl and other tools would obey for a page over plain HTTP on `host`; an entry of
// no_proxy counts as "*", a whole name, or a domain above it.
std::optional<ProxyVariable> ProxyOfTools(const Environment& environment, const std::string& host);

struct ProxyAddress {
  std::string host;
  uint16_t port = 80;
  // Value of the header Proxy-Authorization; empty for a proxy without. Not to be shown.
  std::string authorization;
};
// Of a proxy as it stands in a variable, "http://user:pass@proxy:3128/"; nullopt if it is none that
// gRPC takes.
std::optional<ProxyAddress> ParseProxy(absl::string_view value);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_PROXY_RULES_H_
