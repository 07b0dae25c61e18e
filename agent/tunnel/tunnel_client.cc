#include "agent/tunnel/tunnel_client.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary::agent {
namespace {

// As much as a frame can have.
constexpr size_t kReadBytes = 64u << 10;

}  // namespace

TunnelClient::TunnelClient(const Options& options, const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      buffer_(kReadBytes, '\0'),
      pool_(options.window_pool_bytes),
      backoff_(options.backoff, dependencies.random) {}

TunnelClient::~TunnelClient() {
  token_.clear();
  End();
}

void TunnelClient::SetToken(const std::string& token) {
  if (token == token_) return;
  token_ = token;
  End();
  backoff_.Reset();
  if (!token_.empty()) Open();
}

void TunnelClient::Open() {
  ++attempt_;
  tunnel::ChannelMux::Options mux = options_.mux;
  mux.side = tunnel::ChannelMux::Side::kAccepts;
  mux.token = token_;
  tunnel::TunnelLink::Dependencies dependencies;
  dependencies.pool = &pool_;
  dependencies.events = this;
  dependencies.clock = dependencies_.clock;
  dependencies.on_over = [this, attempt = attempt_](const absl::Status& status) {
    if (attempt == attempt_) OnOver(status);
  };
  link_ = std::make_shared<tunnel::TunnelLink>(mux, std::move(dependencies));
  link_->Start(dependencies_.connect());
}

void TunnelClient::End() {
  ++attempt_;
  ready_ = false;
  if (const std::shared_ptr<tunnel::TunnelLink> link = std::exchange(link_, nullptr)) {
    link->Close(absl::CancelledError("the tunnel is not needed any more"));
  }
}

void TunnelClient::OnOver(const absl::Status& status) {
  const absl::Duration delay = backoff_.Next();
  if (ready_) {
    dependencies_.log->Warn("the tunnel ended; opening another",
                            {{"reason", status}, {"after", delay}});
  } else {
    dependencies_.log->Debug("no tunnel could be opened", {{"reason", status}, {"after", delay}});
  }
  ready_ = false;
  // The link is not destroyed here: this runs inside of it.
  Later(absl::ZeroDuration(), [this, attempt = attempt_] {
    if (attempt == attempt_) link_.reset();
  });
  Later(delay, [this, attempt = attempt_] {
    if (attempt == attempt_) Open();
  });
}

void TunnelClient::Later(absl::Duration delay, std::function<void()> work) {
  Task task = [alive = std::weak_ptr<bool>(alive_), work = std::move(work)] {
    if (alive.lock() != nullptr) work();
  };
  if (delay == absl::ZeroDuration()) {
    dependencies_.queue->Post(std::move(task));
  } else {
    dependencies_.queue->PostAfter(delay, std::move(task));
  }
}

void TunnelClient::Tick() {
  if (const std::shared_ptr<tunnel::TunnelLink> link = link_) link->Tick();
  const absl::Duration now = dependencies_.clock->Monotonic();
  for (const auto& [id, connection] : connections_) connection->Tick(now);
}

absl::Status TunnelClient::OnHello(const std::string&) {
  return absl::InvalidArgumentError("the collector says no hello");
}

void TunnelClient::OnReady() {
  ready_ = true;
  backoff_.Reset();
  dependencies_.log->Debug("the tunnel is open", {});
}

absl::StatusOr<tunnel::ChannelEvents*> TunnelClient::OnOpen(tunnel::ChannelId channel,
                                                            const std::string& service) {
  const auto found = services_.find(service);
  if (found == services_.end()) {
    return absl::NotFoundError(absl::StrCat("this process has no service '", service, "'"));
  }
  // A connection may outlive its channel until the service took the last bytes.
  if (connections_.size() >= options_.mux.channels_max) {
    return absl::ResourceExhaustedError("too many connections at once");
  }
  const uint64_t id = next_connection_++;
  LocalConnection::Dependencies dependencies;
  dependencies.sockets = dependencies_.sockets;
  dependencies.buffer = &buffer_;
  dependencies.on_over = [this, id] {
    Later(absl::ZeroDuration(), [this, id] { connections_.erase(id); });
  };
  auto connection = std::make_unique<LocalConnection>(
      found->second, tunnel::Channel(link_, channel),
      dependencies_.clock->Monotonic() + options_.connect_timeout, std::move(dependencies));
  tunnel::ChannelEvents* const owner = connection.get();
  connections_.emplace(id, std::move(connection));
  return owner;
}

}  // namespace tributary::agent
