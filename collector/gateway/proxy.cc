#include "collector/gateway/proxy.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "collector/gateway/rewrite.h"
#include "common/check.h"

namespace tributary::gateway {
namespace {

constexpr size_t kReadBytes = 64u << 10;

bool IsLoopback(absl::string_view peer) {
  return peer == "::1" || absl::StartsWith(peer, "127.") || absl::StartsWith(peer, "::ffff:127.");
}

bool ChangesNothing(absl::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

}  // namespace

Proxy::Proxy(const Options& options, const Dependencies& dependencies)
    : options_(options), dependencies_(dependencies), buffer_(kReadBytes, '\0') {}

Proxy::~Proxy() = default;

void Proxy::Take(int descriptor, std::string bytes, std::string peer, uint16_t local_port) {
  const size_t end = HeadEnd(bytes);
  const absl::StatusOr<RequestHead> head =
      ParseRequestHead(absl::string_view(bytes).substr(0, end));
  CHECK(head.ok(), "a request was taken over that cannot be read: ", head.status().message());
  Decision decision = dependencies_.routes->Decide(*head, local_port);
  Exchange::Request request;
  request.head = *head;
  if (decision.route.has_value()) request.route = *decision.route;
  request.rest = bytes.substr(end);
  request.peer = peer;
  const uint64_t id = next_id_++;
  Exchange::Dependencies dependencies;
  dependencies.sockets = dependencies_.sockets;
  dependencies.clock = dependencies_.clock;
  dependencies.buffer = &buffer_;
  dependencies.on_over = [this, id](Exchange::Ending ending) { OnOver(id, std::move(ending)); };
  auto exchange = std::make_unique<Exchange>(options_.exchange, std::move(dependencies),
                                             std::move(request), descriptor);
  Exchange* const begun = exchange.get();
  dependencies_.metrics->RequestBegun();
  ++by_peer_[peer];
  exchanges_[id] = {peer, std::move(exchange)};
  Begin(begun, *head, std::move(decision), peer);
}

void Proxy::Begin(Exchange* exchange, const RequestHead& request, Decision decision,
                  const std::string& peer) {
  const bool too_many = exchanges_.size() > options_.exchanges_max ||
                        (!IsLoopback(peer) && by_peer_[peer] > options_.exchanges_per_viewer_max);
  if (too_many) {
    exchange->Answer(ErrorPage(503, "Too many requests at once",
                               {"Close some pages of this collector's services, or wait."}));
    return;
  }
  if (!decision.route.has_value()) {
    // For the collector again: what the request was taken over for has changed since.
    exchange->Answer(decision.answer.has_value() ? *std::move(decision.answer)
                                                 : ErrorPage(404, "There is no such service", {}));
    return;
  }
  const absl::string_view origin = request.fields.Get("origin");
  const bool is_harmless = ChangesNothing(request.method) && !WantsWebSocket(request);
  absl::string_view host = request.fields.Get("x-forwarded-host");
  if (host.empty()) host = request.fields.Get("host");
  if (!origin.empty() && !is_harmless && !dependencies_.hosts->IsSameOrigin(origin, host)) {
    exchange->Answer(ErrorPage(
        403, "Not from that page",
        {absl::StrCat("A page of ", origin, " asked for this, which is not where ", host,
                      " is. Behind a proxy that changes the Host, start the collector with "
                      "--allowed_hosts.")}));
    return;
  }
  absl::StatusOr<tunnel::Channel> channel = dependencies_.hub->Open(
      decision.route->service.session, decision.route->service.service, exchange);
  if (channel.ok()) {
    exchange->Forward(*std::move(channel));
    return;
  }
  const int status = absl::IsResourceExhausted(channel.status()) ? 503 : 502;
  exchange->Answer(ErrorPage(
      status, "The service cannot be reached",
      {absl::StrCat("'", decision.route->service.service, "' of node '",
                    decision.route->service.node, "': ", channel.status().message(), ".")}));
}

void Proxy::OnOver(uint64_t id, Exchange::Ending ending) {
  if (ending.descriptor >= 0) dependencies_.give_back(ending.descriptor, std::move(ending.bytes));
  // Not now: this runs inside of the exchange.
  dependencies_.queue->Post([this, alive = std::weak_ptr<bool>(alive_), id] {
    if (alive.lock() == nullptr) return;
    const auto place = exchanges_.find(id);
    const auto peer = by_peer_.find(place->second.peer);
    if (--peer->second == 0) by_peer_.erase(peer);
    exchanges_.erase(place);
    dependencies_.metrics->RequestEnded();
  });
}

void Proxy::Tick() {
  std::vector<Exchange*> all;
  all.reserve(exchanges_.size());
  for (const auto& [id, entry] : exchanges_) all.push_back(entry.exchange.get());
  // What is over is destroyed by a later task.
  for (Exchange* const exchange : all) exchange->Tick();
}

}  // namespace tributary::gateway
