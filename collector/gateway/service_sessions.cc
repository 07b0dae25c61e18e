#include "collector/gateway/service_sessions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/registry/service_address.h"

namespace tributary::gateway {
namespace {

using cluster::v1::Granted;
using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;

constexpr uint32_t kProtocolVersion = 1;
constexpr int kTokenDigits = 32;

ServiceMode ModeOf(cluster::v1::ServiceMode mode) {
  switch (mode) {
    case cluster::v1::SERVICE_MODE_KEEP:
      return ServiceMode::kKeep;
    case cluster::v1::SERVICE_MODE_STRIP:
      return ServiceMode::kStrip;
    default:
      return ServiceMode::kHost;
  }
}

cluster::v1::ServiceMode ToProto(ServiceMode mode) {
  switch (mode) {
    case ServiceMode::kKeep:
      return cluster::v1::SERVICE_MODE_KEEP;
    case ServiceMode::kStrip:
      return cluster::v1::SERVICE_MODE_STRIP;
    case ServiceMode::kHost:
      return cluster::v1::SERVICE_MODE_HOST;
  }
  return cluster::v1::SERVICE_MODE_UNSPECIFIED;
}

cluster::v1::RefusedReason ToProto(PortLeases::RefusalReason reason) {
  switch (reason) {
    case PortLeases::RefusalReason::kPortTaken:
      return cluster::v1::REFUSED_REASON_PORT_TAKEN;
    case PortLeases::RefusalReason::kName:
      return cluster::v1::REFUSED_REASON_NAME;
    case PortLeases::RefusalReason::kLimit:
      return cluster::v1::REFUSED_REASON_LIMIT;
    case PortLeases::RefusalReason::kRegistered:
      return cluster::v1::REFUSED_REASON_REGISTERED;
  }
  return cluster::v1::REFUSED_REASON_UNSPECIFIED;
}

// It becomes part of request lines.
bool IsBasePath(absl::string_view path) {
  return path.empty() ||
         (path[0] == '/' && path.back() != '/' && !absl::StrContains(path, "//") &&
          std::all_of(path.begin(), path.end(), [](char c) {
            return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '?' && c != '#';
          }));
}

ServicesReply RefusedReply(cluster::v1::RefusedReason reason, const std::string& detail) {
  ServicesReply reply;
  reply.mutable_refused()->set_reason(reason);
  reply.mutable_refused()->set_detail(detail);
  return reply;
}

PortLeases::Claim ToClaim(const cluster::v1::Claim& claim, size_t command_bytes_max) {
  PortLeases::Claim out;
  out.id = claim.claim_id();
  out.service = claim.service();
  out.wish = static_cast<uint16_t>(claim.wish());
  out.range_first = static_cast<uint16_t>(claim.range_first());
  out.range_last = static_cast<uint16_t>(claim.range_last());
  out.fixed = claim.fixed();
  out.mode = ModeOf(claim.mode());
  for (const uint32_t port : claim.taken()) out.taken.insert(static_cast<uint16_t>(port));
  out.listens_on = static_cast<uint16_t>(claim.listens_on());
  out.held_service = claim.held_service();
  // A cut within a character makes no UTF-8: what follows the last whole one goes too.
  size_t length = std::min(claim.command().size(), command_bytes_max);
  while (length > 0 && length < claim.command().size() &&
         (static_cast<uint8_t>(claim.command()[length]) & 0xc0) == 0x80) {
    --length;
  }
  out.command = claim.command().substr(0, length);
  out.user = claim.user();
  out.found = claim.found();
  out.base_path = claim.base_path();
  out.pid = claim.pid();
  return out;
}

}  // namespace

ServiceSessions::ServiceSessions(const Options& options, const Dependencies& dependencies)
    : options_(options), deps_(dependencies) {}

ServiceSessions::~ServiceSessions() = default;

void ServiceSessions::Start() {
  PublishSoon();
  deps_.commit->PostAfter(absl::Seconds(1), [this] { Tick(); });
}

void ServiceSessions::SetOwn(const std::string& node, uint16_t port, int64_t pid,
                             const std::string& origin) {
  origin_ = origin;
  if (const absl::Status status = deps_.leases->HoldOwn(node, port, pid); !status.ok()) {
    deps_.log->Warn("the collector's own port is in no lease", {{"error", status}});
    FromRegistry(status);
  }
  PublishSoon();
}

uint64_t ServiceSessions::Connect(std::shared_ptr<ServicePeer> peer) {
  const uint64_t id = ++last_id_;
  Session& session = sessions_[id];
  session.peer = std::move(peer);
  session.since = deps_.clock->Monotonic();
  session.heard_at = session.since;
  deps_.metrics->SessionOpened();
  if (stopping_) {
    Refuse(id, {cluster::v1::REFUSED_REASON_STOPPING, "the collector stops"});
  } else if (sessions_.size() > options_.sessions_max) {
    Refuse(id, {cluster::v1::REFUSED_REASON_BUSY,
                absl::StrCat("the collector has ", options_.sessions_max,
                             " processes with services, and takes no more")});
  }
  return id;
}

void ServiceSessions::OnMessage(uint64_t id, ServicesRequest message, absl::Duration received_at) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session* const session = &found->second;
  session->heard_at = received_at;
  session->node.Heard(received_at);
  if (!session->hello.has_value()) {
    if (message.has_hello()) {
      OnHello(id, session, std::move(*message.mutable_hello()));
    } else {
      Refuse(id, {cluster::v1::REFUSED_REASON_PROTOCOL, "the first message must be Hello"});
    }
    return;
  }
  switch (message.message_case()) {
    case ServicesRequest::kHello:
      return Refuse(id, {cluster::v1::REFUSED_REASON_PROTOCOL, "a second Hello"});
    case ServicesRequest::kClaim:
      return OnClaim(id, session, message.claim(), received_at);
    case ServicesRequest::kListening:
      return OnListening(id, session, message.listening());
    case ServicesRequest::kRenew:
      return OnRenew(id, session, message.renew(), received_at);
    case ServicesRequest::kRelease:
      return OnRelease(id, session, message.release());
    case ServicesRequest::MESSAGE_NOT_SET:  // of a later protocol
      return;
  }
}

// Who comes in.

std::optional<ServiceSessions::Refusal> ServiceSessions::CheckHello(
    const cluster::v1::ServicesHello& hello) const {
  const auto protocol = [](std::string detail) {
    return Refusal{cluster::v1::REFUSED_REASON_PROTOCOL, std::move(detail)};
  };
  if (hello.protocol_version() < 1) {
    return Refusal{cluster::v1::REFUSED_REASON_VERSION,
                   absl::StrCat("protocol version ", hello.protocol_version(),
                                ", this collector speaks 1 to ", kProtocolVersion)};
  }
  if (!hello.store_id().empty() && hello.store_id() != options_.store_id) {
    return Refusal{cluster::v1::REFUSED_REASON_WRONG_STORE,
                   absl::StrCat("the store at this address is ", options_.store_id, ", not ",
                                absl::CHexEscape(hello.store_id().substr(0, 64)),
                                " as was told with --store")};
  }
  if (hello.process_nonce().empty()) return protocol("process_nonce is empty");
  if (hello.node().name().empty()) return protocol("node.name is empty");
  if (absl::StrContains(hello.node().name(), '/')) return protocol("node.name holds a '/'");
  for (const std::string* fact :
       {&hello.process_nonce(), &hello.program_version(), &hello.node().name(),
        &hello.node().machine_id(), &hello.node().boot_id()}) {
    if (fact->size() > options_.fact_bytes_max) {
      return Refusal{cluster::v1::REFUSED_REASON_LIMIT,
                     absl::StrCat("a name or id of Hello has ", fact->size(), " bytes, at most ",
                                  options_.fact_bytes_max, " are allowed")};
    }
  }
  return std::nullopt;
}

void ServiceSessions::OnHello(uint64_t id, Session* session, cluster::v1::ServicesHello hello) {
  if (const std::optional<Refusal> refusal = CheckHello(hello)) return Refuse(id, *refusal);
  EndOlder(id, hello);
  NodePresence::Wish wish;
  wish.name = hello.node().name();
  wish.machine = {hello.node().machine_id(), hello.node().boot_id()};
  wish.kind = NodePresence::Kind::kService;
  wish.probe = [this, id] { deps_.commit->Post([this, id] { Probe(id); }); };
  absl::StatusOr<NodeHold> node =
      deps_.nodes->Enter(std::move(wish), deps_.assign_node, deps_.clock->Monotonic());
  if (!node.ok()) {
    if (!absl::IsAlreadyExists(node.status())) return Refuse(id, FromRegistry(node.status()));
    return Refuse(id,
                  {cluster::v1::REFUSED_REASON_NODE_TAKEN, std::string(node.status().message())});
  }
  session->node = *std::move(node);
  session->token = deps_.random->Hex(kTokenDigits);
  session->hello = std::move(hello);
  {
    MutexLock lock(&mu_);
    tokens_[session->token] = id;
  }
  deps_.log->Info("services: session", {{"session", id},
                                        {"node", session->node.name()},
                                        {"pid", session->hello->pid()},
                                        {"peer", session->peer->address()},
                                        {"version", session->hello->program_version()}});
  ServicesReply reply;
  cluster::v1::ServicesWelcome* const welcome = reply.mutable_welcome();
  welcome->set_protocol_version(kProtocolVersion);
  welcome->set_collector_version(options_.collector_version);
  welcome->set_store_id(options_.store_id);
  welcome->set_start_nonce(options_.start_nonce);
  welcome->set_node(session->node.name());
  welcome->set_lease_nanos(absl::ToInt64Nanoseconds(options_.lease));
  welcome->set_renew_nanos(absl::ToInt64Nanoseconds(options_.renew));
  welcome->set_tunnel_token(session->token);
  welcome->set_claims_max(options_.claims_max);
  session->peer->Send(std::move(reply));
}

void ServiceSessions::Probe(uint64_t id) {
  const auto asked = sessions_.find(id);
  if (asked == sessions_.end()) return;
  ServicesReply reply;
  reply.mutable_probe();
  asked->second.peer->Send(std::move(reply));
  deps_.commit->PostAfter(options_.probe_wait, [this, id, at = deps_.clock->Monotonic()] {
    const auto found = sessions_.find(id);
    if (found != sessions_.end() && found->second.heard_at <= at) {
      End(id, "no answer, and another machine wants its name");
    }
  });
}

void ServiceSessions::EndOlder(uint64_t id, const cluster::v1::ServicesHello& hello) {
  std::vector<uint64_t> older;
  for (const auto& [other_id, other] : sessions_) {
    if (other_id == id || !other.hello.has_value()) continue;
    if (other.hello->process_nonce() == hello.process_nonce()) older.push_back(other_id);
  }
  for (const uint64_t other : older) End(other, "the same process connected again");
}

absl::StatusOr<uint64_t> ServiceSessions::SessionOfToken(absl::string_view token) {
  MutexLock lock(&mu_);
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) {
    return absl::UnauthenticatedError("the tunnel's token belongs to no session that lives");
  }
  return found->second;
}

// Claims.

std::optional<ServiceSessions::Refusal> ServiceSessions::CheckClaim(
    const Session& session, const cluster::v1::Claim& claim) const {
  const auto limit = [](std::string detail) {
    return Refusal{cluster::v1::REFUSED_REASON_LIMIT, std::move(detail)};
  };
  for (const uint32_t port :
       {claim.wish(), claim.range_first(), claim.range_last(), claim.listens_on()}) {
    if (port > 65'535) return limit(absl::StrCat(port, " is no port"));
  }
  if (claim.taken_size() > static_cast<int>(options_.taken_max)) {
    return limit(absl::StrCat(claim.taken_size(), " ports are said to be taken, at most ",
                              options_.taken_max, " may be"));
  }
  for (const uint32_t port : claim.taken()) {
    if (port > 65'535) return limit(absl::StrCat(port, " is no port"));
  }
  if (!IsBasePath(claim.base_path())) {
    return Refusal{cluster::v1::REFUSED_REASON_NAME,
                   absl::StrCat("base_path '", absl::CHexEscape(claim.base_path().substr(0, 64)),
                                "' is no path of a URL")};
  }
  if (claim.user().size() > options_.fact_bytes_max ||
      claim.base_path().size() > options_.fact_bytes_max ||
      claim.held_service().size() > options_.fact_bytes_max) {
    return limit(
        absl::StrCat("a name of the claim has more than ", options_.fact_bytes_max, " bytes"));
  }
  if (!session.claims.contains(claim.claim_id()) && session.claims.size() >= options_.claims_max) {
    return limit(
        absl::StrCat("the session has ", session.claims.size(), " services, and may have no more"));
  }
  return std::nullopt;
}

void ServiceSessions::OnClaim(uint64_t id, Session* session, const cluster::v1::Claim& claim,
                              absl::Duration received_at) {
  if (const std::optional<Refusal> refusal = CheckClaim(*session, claim)) {
    return RefuseClaim(session, claim.claim_id(), *refusal);
  }
  const PortLeases::Process process = {.session = id,
                                       .node = session->node.name(),
                                       .nonce = session->hello->process_nonce(),
                                       .pid = session->hello->pid()};
  const PortLeases::Claim wanted = ToClaim(claim, options_.command_bytes_max);
  absl::StatusOr<PortLeases::Answer> answer = deps_.leases->Take(process, wanted, received_at);
  if (!answer.ok()) return RefuseClaim(session, claim.claim_id(), FromRegistry(answer.status()));
  if (const auto* refused = std::get_if<PortLeases::Refusal>(&*answer)) {
    return RefuseClaim(session, claim.claim_id(), {ToProto(refused->reason), refused->detail});
  }
  const auto& grant = std::get<PortLeases::Grant>(*answer);
  session->claims[claim.claim_id()] = grant.service;
  deps_.metrics->Granted(wanted.wish == 0 || wanted.wish == grant.port);
  deps_.log->Info("services: granted", {{"session", id},
                                        {"node", process.node},
                                        {"service", grant.service},
                                        {"port", grant.port},
                                        {"wish", wanted.wish},
                                        {"conflict", grant.conflict}});
  ServicesReply reply;
  *reply.mutable_granted() = MakeGranted(*session, claim.claim_id(), wanted.mode, grant);
  session->peer->Send(std::move(reply));
  PublishSoon();
}

Granted ServiceSessions::MakeGranted(const Session& session, uint32_t claim_id, ServiceMode mode,
                                     const PortLeases::Grant& grant) const {
  Granted granted;
  granted.set_claim_id(claim_id);
  granted.set_service(grant.service);
  granted.set_port(grant.port);
  granted.set_mode(ToProto(mode));
  granted.set_conflict(grant.conflict);
  granted.set_out_of_range(grant.out_of_range);
  const std::string& node = session.node.name();
  const std::string prefix = absl::StrCat(options_.path_prefix, ServicePath(node, grant.service));
  // The gateway sends a browser from here to the service's own origin, if it has one.
  if (!origin_.empty()) granted.set_url(absl::StrCat(origin_, prefix, "/"));
  if (mode == ServiceMode::kHost) {
    granted.set_opens_at(ServiceHostLabel(node, grant.service));
  } else {
    granted.set_prefix(prefix);
    granted.set_opens_at(absl::StrCat(prefix, "/"));
  }
  return granted;
}

void ServiceSessions::OnListening(uint64_t id, Session* session,
                                  const cluster::v1::Listening& listening) {
  if (listening.port() == 0 || listening.port() > 65'535) {
    return RefuseClaim(session, listening.claim_id(),
                       {cluster::v1::REFUSED_REASON_LIMIT,
                        absl::StrCat(listening.port(), " is no port to listen on")});
  }
  const auto answer =
      deps_.leases->Listening(id, listening.claim_id(), static_cast<uint16_t>(listening.port()));
  if (!answer.ok()) {
    return RefuseClaim(session, listening.claim_id(), FromRegistry(answer.status()));
  }
  switch (*answer) {
    case PortLeases::ListeningAnswer::kLive:
      PublishSoon();
      return;
    case PortLeases::ListeningAnswer::kLost:
      return TellLost({id, listening.claim_id()});
    case PortLeases::ListeningAnswer::kOtherPort:
      return Refuse(id, {cluster::v1::REFUSED_REASON_PROTOCOL,
                         absl::StrCat("claim ", listening.claim_id(), " listens on ",
                                      listening.port(), ", which it was not given")});
  }
}

void ServiceSessions::OnRenew(uint64_t id, Session* session, const cluster::v1::Renew& renew,
                              absl::Duration received_at) {
  for (const PortLeases::Lost& lost : deps_.leases->Renew(id, received_at)) TellLost(lost);
  ServicesReply reply;
  reply.mutable_renewed()->set_number(renew.number());
  session->peer->Send(std::move(reply));
  PublishSoon();
}

void ServiceSessions::OnRelease(uint64_t id, Session* session,
                                const cluster::v1::Release& release) {
  if (session->claims.erase(release.claim_id()) == 0) return;
  const absl::Status status = deps_.leases->Release(id, release.claim_id());
  if (status.ok()) {
    deps_.metrics->Released();
  } else {
    // It is stale, and ends as what is stale does.
    deps_.log->Warn("services: a number could not be released", {{"error", status}});
    FromRegistry(status);
  }
  PublishSoon();
}

ServiceSessions::Refusal ServiceSessions::FromRegistry(const absl::Status& status) {
  const bool known =
      absl::IsResourceExhausted(status) || absl::IsAborted(status) || absl::IsUnavailable(status);
  if (!known) deps_.on_fatal(status);
  return {cluster::v1::REFUSED_REASON_BUSY, std::string(status.message())};
}

void ServiceSessions::RefuseClaim(Session* session, uint32_t claim_id, const Refusal& refusal) {
  deps_.metrics->Refused(refusal.reason);
  deps_.log->Info("services: claim refused",
                  {{"node", session->node.name()},
                   {"reason", cluster::v1::RefusedReason_Name(refusal.reason)},
                   {"detail", refusal.detail}});
  ServicesReply reply = RefusedReply(refusal.reason, refusal.detail);
  reply.mutable_refused()->set_claim_id(claim_id);
  session->peer->Send(std::move(reply));
}

void ServiceSessions::TellLost(const PortLeases::Lost& lost) {
  deps_.metrics->Lost();
  PublishSoon();
  const auto found = sessions_.find(lost.session);
  if (found == sessions_.end()) return;
  found->second.claims.erase(lost.claim_id);
  RefuseClaim(&found->second, lost.claim_id,
              {cluster::v1::REFUSED_REASON_LOST, "the lease ran out: claim again"});
}

// The end, and time.

void ServiceSessions::Refuse(uint64_t id, const Refusal& refusal) {
  Session& session = sessions_.at(id);
  deps_.metrics->Refused(refusal.reason);
  deps_.log->Warn("services: session refused",
                  {{"session", id},
                   {"peer", session.peer->address()},
                   {"reason", cluster::v1::RefusedReason_Name(refusal.reason)},
                   {"detail", refusal.detail}});
  session.peer->Send(RefusedReply(refusal.reason, refusal.detail));
  End(id, refusal.detail);
}

void ServiceSessions::OnClosed(uint64_t id) { End(id, "the connection ended"); }

void ServiceSessions::End(uint64_t id, absl::string_view why) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  {
    MutexLock lock(&mu_);
    tokens_.erase(session.token);
  }
  deps_.metrics->SessionClosed();
  if (session.hello.has_value()) {
    deps_.log->Info("services: session ended", {{"session", id},
                                                {"node", session.node.name()},
                                                {"services", session.claims.size()},
                                                {"why", why}});
  }
  session.peer->Close();
  if (!stopping_) {
    for (size_t i = 0; i < session.claims.size(); ++i) deps_.metrics->Lost();
    deps_.leases->SessionLost(id);
    PublishSoon();
  }
  sessions_.erase(found);
}

void ServiceSessions::Tick() {
  if (stopping_) return;
  const absl::Duration now = deps_.clock->Monotonic();
  std::vector<uint64_t> mute;
  for (const auto& [id, session] : sessions_) {
    if (!session.hello.has_value() && now - session.since >= options_.hello_wait) {
      mute.push_back(id);
    }
  }
  for (const uint64_t id : mute) End(id, "no Hello came");
  const auto lost = deps_.leases->Tick();
  if (lost.ok()) {
    for (const PortLeases::Lost& one : *lost) TellLost(one);
  } else {
    FromRegistry(lost.status());
  }
  PublishIfChanged();
  deps_.commit->PostAfter(absl::Seconds(1), [this] { Tick(); });
}

void ServiceSessions::Stop(const std::string& why) {
  stopping_ = true;
  while (!sessions_.empty()) {
    Refuse(sessions_.begin()->first, {cluster::v1::REFUSED_REASON_STOPPING, why});
  }
}

void ServiceSessions::PublishSoon() {
  if (std::exchange(publish_posted_, true)) return;
  deps_.commit->Post([this] {
    publish_posted_ = false;
    PublishIfChanged();
  });
}

void ServiceSessions::PublishIfChanged() {
  if (std::exchange(published_version_, deps_.leases->version()) == deps_.leases->version()) {
    return;
  }
  std::shared_ptr<const ServiceSnapshot> snapshot = deps_.leases->Snapshot();
  deps_.metrics->SetServices(*snapshot);
  deps_.board->Publish(std::move(snapshot));
}

}  // namespace tributary::gateway
