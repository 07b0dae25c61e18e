#include "agent/doctor/advice.h"

#include <map>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tributary::agent {
namespace {

std::string ForwardLine(uint16_t here, uint16_t there, const std::string& machine) {
  return absl::StrCat("ssh -L ", here, ":localhost:", there, " ", machine);
}

std::string Url(absl::string_view authority, const Evidence& evidence) {
  return absl::StrCat("http://", authority,
                      evidence.collector.has_value() ? evidence.collector->path_prefix() : "", "/");
}

}  // namespace

Advice WhereToOpen(const Target& target, const Senses& senses, const Evidence& evidence,
                   bool answered) {
  Advice advice;
  const bool by_loopback = evidence.endpoint.has_value() && IsLoopbackIp(evidence.endpoint->ip);
  if (answered) {
    advice.url = Url(evidence.name_refused ? EndpointText(*evidence.endpoint) : TargetText(target),
                     evidence);
    // The machine that the collector runs on, as far as it is known.
    std::string machine = target.host;
    if (evidence.collector.has_value() && by_loopback) machine = evidence.collector->host_name();
    if (by_loopback && machine == target.host) machine = target.own_host_name;
    // Reached through a tunnel, only its other end knows the collector's own port.
    const bool tunnel = by_loopback && machine != target.own_host_name;
    if (!tunnel) {
      advice.ssh = ForwardLine(target.port, target.port, machine);
      advice.ssh_url = Url(absl::StrCat("localhost:", target.port), evidence);
    }
    return advice;
  }
  if (evidence.addresses.empty() || evidence.on_this_machine) return advice;
  std::map<uint16_t, std::string> taken;
  for (const ListeningSocket& socket : senses.machine->Listeners()) {
    taken[socket.port] = socket.program;
  }
  uint16_t here = target.port;
  while (taken.contains(here) && here < 65535) ++here;
  if (here != target.port) {
    const std::string& program = taken[target.port];
    advice.note = absl::StrCat("port ", target.port, " of this machine is held by ",
                               program.empty() ? "another program" : program);
  }
  advice.ssh = ForwardLine(here, target.port, target.host);
  advice.ssh_url = Url(absl::StrCat("localhost:", here), evidence);
  return advice;
}

}  // namespace tributary::agent
