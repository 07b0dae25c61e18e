// The layers of a connection: whether one gets through, and what speaks at the other end.
#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/doctor/http_answer.h"
#include "agent/doctor/layer.h"

namespace tributary::agent {
namespace {

constexpr size_t kAddressesTried = 4;

// Why a machine could not be reached at `text`, from outside of it.
Finding Unreachable(const Target& target, const std::string& text, const absl::Status& status) {
  constexpr char kLayer[] = "tcp";
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Fails(
          kLayer,
          absl::StrCat(text,
                       " refused: the machine is there, and takes no connections to that "
                       "port from others: the collector does not run, has another port, or "
                       "listens on 127.0.0.1 only"),
          absl::StrCat("on ", target.host, ", tributary-agent doctor --collector localhost:",
                       target.port, " tells which; for other nodes it must be started with ",
                       kOpenFlags, "; or go through SSH"));
    case absl::StatusCode::kDeadlineExceeded:
      return Fails(
          kLayer,
          absl::StrCat(text, " gave no answer within ", absl::FormatDuration(target.timeout),
                       ": a firewall drops the connection, or the machine is down"),
          absl::StrCat("open TCP port ", target.port, " of ", target.host,
                       " for this machine, or go through SSH"));
    case absl::StatusCode::kNotFound:
      return Fails(
          kLayer,
          absl::StrCat(text, ": ", status.message(),
                       ": no network leads there, or a firewall rejects it"),
          "give an address of the head node in a network of this machine, or go through SSH");
    case absl::StatusCode::kPermissionDenied:
      return Fails(
          kLayer,
          absl::StrCat(text, ": ", status.message(), ": this machine lets no such connection out"),
          absl::StrCat("allow outgoing TCP to port ", target.port,
                       " in this machine's firewall or sandbox, or go through SSH"));
    default:
      return Fails(kLayer, absl::StrCat(text, ": ", status.message()), "go through SSH");
  }
}

}  // namespace

Finding CheckTcp(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "tcp";
  if (evidence->proxied) return Ok(kLayer, "through the proxy");
  absl::Status last;
  std::string failed;
  for (size_t i = 0; i < std::min(kAddressesTried, evidence->addresses.size()); ++i) {
    const Endpoint endpoint = {evidence->addresses[i], target.port};
    const std::string text = EndpointText(endpoint);
    const absl::Duration began = senses.clock->Monotonic();
    auto connection = senses.network->Connect(endpoint, target.timeout);
    if (connection.ok()) {
      evidence->connection = *std::move(connection);
      evidence->endpoint = endpoint;
      evidence->on_this_machine = IsOwn(endpoint.ip, senses);
      const absl::Duration took = senses.clock->Monotonic() - began;
      return Ok(kLayer,
                absl::StrCat(text, " in ",
                             absl::FormatDuration(absl::Floor(took, absl::Microseconds(10))),
                             failed.empty() ? "" : absl::StrCat(", not ", failed)));
    }
    last = connection.status();
    absl::StrAppend(&failed, failed.empty() ? "" : " and ", text);
  }
  if (evidence->on_this_machine && absl::IsUnavailable(last)) {
    return Fails(kLayer,
                 absl::StrCat(failed,
                              " refused, though the port is held: a firewall of this "
                              "machine rejects it, or the program has just ended"),
                 "try again; see the rules of this machine's firewall (nft list ruleset)");
  }
  return Unreachable(target, failed, last);
}

Finding CheckTls(const Target&, const Senses&, Evidence*) {
  return NotConfigured("tls", "this version has none");
}

namespace {

std::string Who(const Evidence& evidence) {
  return evidence.holder.empty() ? "what listens there" : evidence.holder;
}

std::string NotACollectorFix(const Target& target, const Senses& senses, const Evidence& evidence) {
  const std::string elsewhere =
      evidence.on_this_machine ? CollectorElsewhere(target, senses) : std::string();
  if (!elsewhere.empty()) return elsewhere;
  return absl::StrCat("port ", target.port,
                      " is taken by another program: give the collector a "
                      "port of its own (--port N), or end that program; the collector prints the "
                      "address that agents need");
}

// Some servers of TLS close at the first byte that is none of it.
bool SpeaksTls(const Target& target, const Senses& senses, const Evidence& evidence) {
  if (!evidence.endpoint.has_value()) return false;
  const auto connection = senses.network->Connect(*evidence.endpoint, target.timeout);
  if (!connection.ok()) return false;
  const auto answer = Ask(connection->get(), TlsGreeting(), {.bytes_max = 2});
  return answer.ok() && ForeignProtocol(*answer) == "TLS";
}

Finding NoHttp(const Target& target, const Senses& senses, const Evidence& evidence,
               const std::string& bytes) {
  constexpr char kLayer[] = "http";
  const absl::string_view protocol =
      bytes.empty() && SpeaksTls(target, senses, evidence) ? "TLS" : ForeignProtocol(bytes);
  if (protocol == "TLS") {
    return Fails(kLayer, absl::StrCat(Who(evidence), " speaks TLS, which this version does not"),
                 "give the address of the collector itself, not that of a TLS proxy before it");
  }
  if (bytes.empty()) {
    return Fails(kLayer,
                 absl::StrCat(Who(evidence),
                              " takes the connection and closes it without an "
                              "answer, as a tunnel does whose other end is refused"),
                 "look at the other end of the tunnel (ssh -L, kubectl port-forward): does the "
                 "collector run there, on the port that the tunnel leads to?");
  }
  return Fails(
      kLayer,
      absl::StrCat(Who(evidence), " is no collector: it speaks ",
                   protocol.empty() ? "no HTTP" : protocol,
                   protocol == "HTTP/2" ? " only, as a gRPC server of another program" : ""),
      NotACollectorFix(target, senses, evidence));
}

}  // namespace

Finding CheckHttp(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "http";
  const absl::Duration began = senses.clock->Monotonic();
  const auto bytes = Ask(evidence->connection.get(),
                         GetRequest(TargetText(target), "/healthz", target.own_version));
  evidence->connection.reset();
  if (absl::IsDeadlineExceeded(bytes.status())) {
    return Fails(kLayer,
                 absl::StrCat(Who(*evidence), " takes the connection and says nothing for ",
                              absl::FormatDuration(target.timeout),
                              ": it hangs, or is no server "
                              "of HTTP"),
                 NotACollectorFix(target, senses, *evidence));
  }
  const auto answer = bytes.ok() ? ParseHttpAnswer(*bytes) : std::nullopt;
  if (!answer.has_value()) return NoHttp(target, senses, *evidence, bytes.ok() ? *bytes : "");
  if (answer->status == 200 && absl::StrContains(answer->body, "ok")) {
    const absl::Duration took = senses.clock->Monotonic() - began;
    return Ok(kLayer, absl::StrCat("/healthz answers ok in ", absl::FormatDuration(absl::Floor(
                                                                  took, absl::Microseconds(10)))));
  }
  if (answer->status == 400 && absl::StrContains(answer->body, "HTTPS")) {
    return NoHttp(target, senses, *evidence, "\x15\x03");
  }
  return Fails(
      kLayer,
      absl::StrCat(Who(*evidence), " is no collector: it answers ", answer->status, " to /healthz",
                   answer->server.empty() ? "" : absl::StrCat(" as ", answer->server)),
      NotACollectorFix(target, senses, *evidence));
}

}  // namespace tributary::agent
