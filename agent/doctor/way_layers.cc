// The layers from a name to a connection: who is meant, and whether one gets there.
#include <algorithm>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/doctor/http_answer.h"
#include "agent/doctor/layer.h"
#include "agent/doctor/proxy_rules.h"

namespace tributary::agent {
namespace {

std::vector<ListeningSocket> OnPort(uint16_t port, const Senses& senses) {
  std::vector<ListeningSocket> sockets = senses.machine->Listeners();
  std::erase_if(sockets, [port](const ListeningSocket& socket) { return socket.port != port; });
  return sockets;
}

std::string HolderText(const ListeningSocket& socket) {
  if (socket.pid == 0) return "";
  return absl::StrCat(socket.program, " (pid ", socket.pid, ")");
}

bool IsWildcard(const ListeningSocket& socket) {
  return socket.ip == "0.0.0.0" || socket.ip == "::";
}

std::string ShortName(absl::string_view name) {
  return std::string(name.substr(0, name.find('.')));
}

}  // namespace

std::string TargetText(const Target& target) {
  return absl::StrContains(target.host, ':') ? absl::StrCat("[", target.host, "]:", target.port)
                                             : absl::StrCat(target.host, ":", target.port);
}

bool IsOwn(const std::string& ip, const Senses& senses) {
  return IsLoopbackIp(ip) || absl::c_linear_search(senses.network->OwnAddresses(), ip);
}

std::string CollectorElsewhere(const Target& target, const Senses& senses) {
  constexpr size_t kNamedMax = 8;
  std::set<uint16_t> ports;
  for (const ListeningSocket& socket : senses.machine->Listeners()) {
    if (socket.program == "tributary-collector" && socket.port != target.port) {
      ports.insert(socket.port);
    }
  }
  std::vector<std::string> others;
  for (const uint16_t port : ports) {
    if (others.size() < kNamedMax) others.push_back(absl::StrCat(target.host, ":", port));
  }
  if (others.empty()) return "";
  return absl::StrCat("a collector of this machine listens elsewhere: --collector ",
                      absl::StrJoin(others, " or "));
}

Finding CheckProxy(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "proxy";
  if (!target.use_proxy) {
    const auto tools = ProxyOfTools(senses.environment, target.host);
    if (!tools.has_value()) return Ok(kLayer, "none for this host in the environment");
    return Warns(kLayer,
                 absl::StrCat(tools->name,
                              " is set: the agent does not obey it, but curl, browsers "
                              "and TensorBoard's own gRPC do"),
                 absl::StrCat("add ", target.host, " to no_proxy"));
  }
  const auto variable = ProxyOfGrpc(senses.environment, target.host);
  if (!variable.has_value()) return Ok(kLayer, "--use-proxy, but the environment has none for it");
  const auto proxy = ParseProxy(variable->value);
  if (!proxy.has_value()) {
    return Fails(kLayer, absl::StrCat(variable->name, " is no http://HOST:PORT"),
                 absl::StrCat("correct ", variable->name, ", or leave out --use-proxy"));
  }
  const std::string name =
      absl::StrCat("the proxy ", proxy->host, ":", proxy->port, " of ", variable->name);
  const std::string fix = absl::StrCat("leave out --use-proxy, or add ", target.host,
                                       " to no_proxy, or correct ", variable->name);
  const auto addresses = senses.network->Resolve(proxy->host);
  if (!addresses.ok()) {
    return Fails(kLayer, absl::StrCat(name, ": ", addresses.status().message()), fix);
  }
  auto connection = senses.network->Connect({addresses->front(), proxy->port}, target.timeout);
  if (!connection.ok()) {
    return Fails(kLayer, absl::StrCat(name, ": ", connection.status().message()), fix);
  }
  const std::string authority = TargetText(target);
  const std::string sign_in =
      proxy->authorization.empty()
          ? ""
          : absl::StrCat("Proxy-Authorization: ", proxy->authorization, "\r\n");
  const auto answer = Ask(connection->get(),
                          absl::StrCat("CONNECT ", authority, " HTTP/1.1\r\nHost: ", authority,
                                       "\r\n", sign_in, "\r\n"),
                          {.head_only = true});
  const auto parsed = answer.ok() ? ParseHttpAnswer(*answer) : std::nullopt;
  if (!parsed.has_value() || parsed->status != 200) {
    return Fails(kLayer,
                 absl::StrCat(name,
                              parsed.has_value() ? absl::StrCat(" answers ", parsed->status)
                                                 : std::string(" gives no answer of HTTP"),
                              " to CONNECT ", authority),
                 fix);
  }
  evidence->proxied = true;
  evidence->connection = *std::move(connection);
  return Ok(kLayer, absl::StrCat(name, " connects to ", authority));
}

Finding CheckResolution(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "resolution";
  if (evidence->proxied) return Ok(kLayer, "left to the proxy");
  const auto addresses = senses.network->Resolve(target.host);
  if (absl::IsNotFound(addresses.status())) {
    return Fails(kLayer, absl::StrCat("no name service knows ", target.host),
                 "check the spelling (getent hosts NAME), or give the address of the head node");
  }
  if (!addresses.ok()) {
    return Fails(
        kLayer, absl::StrCat(target.host, " cannot be looked up: ", addresses.status().message()),
        "see /etc/resolv.conf: its name servers do not answer; or give the address of the head "
        "node");
  }
  evidence->addresses = *addresses;
  evidence->on_this_machine =
      absl::c_any_of(*addresses, [&](const std::string& ip) { return IsOwn(ip, senses); });
  if (addresses->size() == 1 && addresses->front() == target.host) {
    return Ok(kLayer, "an address, no name");
  }
  const std::string found = absl::StrCat(target.host, " is ", absl::StrJoin(*addresses, ", "));
  const bool loopback = absl::c_all_of(*addresses, IsLoopbackIp);
  // A name of another machine that leads here, as a line for 127.0.1.1 that was copied around does.
  if (!loopback || absl::EqualsIgnoreCase(target.host, "localhost") ||
      absl::EqualsIgnoreCase(ShortName(target.host), ShortName(target.own_host_name))) {
    return Ok(kLayer, found);
  }
  const std::string cause =
      absl::StrCat(found, ": this machine itself, whose name is ", target.own_host_name);
  const std::string fix = absl::StrCat("correct the line of ", target.host,
                                       " in /etc/hosts, or give the address of the head node");
  // Somebody may have meant it: a tunnel under the name of its other end.
  return OnPort(target.port, senses).empty() ? Fails(kLayer, cause, fix)
                                             : Warns(kLayer, cause, fix);
}

Finding CheckPort(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "port";
  if (!evidence->on_this_machine) return NotTried(kLayer, "it is another machine's");
  const std::vector<ListeningSocket> sockets = OnPort(target.port, senses);
  if (sockets.empty()) {
    const std::string elsewhere = CollectorElsewhere(target, senses);
    return Fails(kLayer, absl::StrCat("nothing listens on port ", target.port, " of this machine"),
                 !elsewhere.empty()
                     ? elsewhere
                     : absl::StrCat("start the collector: tributary-collector --data DIR --port ",
                                    target.port));
  }
  for (const ListeningSocket& socket : sockets) {
    if (evidence->holder.empty()) evidence->holder = HolderText(socket);
  }
  return Ok(kLayer, evidence->holder.empty()
                        ? "held by a process that the system does not show to this user"
                        : absl::StrCat("held by ", evidence->holder));
}

Finding CheckBind(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "bind";
  if (!evidence->on_this_machine) return NotTried(kLayer, "it is another machine's");
  std::vector<std::string> ips;
  bool covered = false;
  bool loopback_only = true;
  for (const ListeningSocket& socket : OnPort(target.port, senses)) {
    if (!absl::c_linear_search(ips, socket.ip)) ips.push_back(socket.ip);
    covered =
        covered || IsWildcard(socket) || absl::c_linear_search(evidence->addresses, socket.ip);
    loopback_only = loopback_only && IsLoopbackIp(socket.ip);
  }
  const std::string listens = absl::StrJoin(ips, " and ");
  if (!covered) {
    return Fails(
        kLayer,
        absl::StrCat("refused: ", evidence->holder.empty() ? "the collector" : evidence->holder,
                     " listens on ", listens, " only"),
        absl::StrCat("start it with ", kOpenFlags,
                     loopback_only
                         ? absl::StrCat("; on this machine, localhost:", target.port, " works")
                         : ""));
  }
  if (loopback_only) {
    return Ok(kLayer, absl::StrCat(listens, " only: for this machine; other nodes need ",
                                   kOpenFlags, ", or ssh -L"));
  }
  return Ok(kLayer, listens);
}

}  // namespace tributary::agent
