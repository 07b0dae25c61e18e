#include "agent/tunnel/local_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary::agent {

LocalConnection::LocalConnection(uint16_t port, tunnel::Channel channel,
                                 absl::Duration connect_deadline, Dependencies dependencies)
    : port_(port),
      connect_deadline_(connect_deadline),
      sockets_(dependencies.sockets),
      buffer_(dependencies.buffer),
      on_over_(std::move(dependencies.on_over)),
      channel_(std::move(channel)) {
  Connect(false);
}

void LocalConnection::Connect(bool ipv6) {
  ipv6_ = ipv6;
  socket_ = sockets_->ConnectLoopback(port_, ipv6, [this] { Pump(); });
}

void LocalConnection::Tick(absl::Duration now) {
  if (over_ || now < connect_deadline_ || socket_->connected().has_value()) return;
  Fail(absl::DeadlineExceededError("it takes no connections"));
}

void LocalConnection::OnData(std::string bytes) {
  const uint64_t count = bytes.size();
  to_service_.Push(std::move(bytes), count);
  Pump();
}

void LocalConnection::OnEnd() {
  viewer_ended_ = true;
  Pump();
}

void LocalConnection::OnReset(const std::string&) { Over(); }

void LocalConnection::Pump() {
  // Sending makes the channel say at once that there is room for more.
  if (pumping_ || over_) return;
  const std::optional<absl::Status> connected = socket_->connected();
  if (!connected.has_value()) return;
  if (!connected->ok()) {
    if (ipv6_) {
      Fail(*connected);
    } else {
      Connect(true);
    }
    return;
  }
  pumping_ = true;
  PumpToService();
  const absl::Status status = PumpToViewer();
  pumping_ = false;
  if (!status.ok()) Fail(status);
  if (writes_ended_ && service_ended_) Over();
}

void LocalConnection::PumpToService() {
  uint64_t taken = 0;
  if (!service_deaf_) {
    const absl::StatusOr<uint64_t> written = to_service_.WriteTo(socket_.get());
    // An answer may have come before it stopped to listen: that is still read, to its end.
    service_deaf_ = !written.ok();
    taken = written.value_or(0);
  }
  if (service_deaf_) taken += to_service_.Clear();
  if (taken > 0) channel_.Consumed(taken);
  if (viewer_ended_ && !writes_ended_ && to_service_.empty()) {
    writes_ended_ = true;
    socket_->EndWrites();
  }
}

absl::Status LocalConnection::PumpToViewer() {
  while (!service_ended_) {
    const size_t room = channel_.Room();
    if (room == 0) break;
    ASSIGN_OR_RETURN(const std::optional<size_t> count,
                     socket_->Read(buffer_->data(), std::min(room, buffer_->size())));
    if (!count.has_value()) break;
    if (*count > 0) {
      channel_.Send(buffer_->substr(0, *count));
    } else {
      service_ended_ = true;
      channel_.End();
    }
  }
  return absl::OkStatus();
}

void LocalConnection::Fail(const absl::Status& status) {
  channel_.Reset(absl::StrCat("port ", port_, " on the node: ", status.message()));
  Over();
}

void LocalConnection::Over() {
  if (std::exchange(over_, true)) return;
  channel_.Reset("the connection on the node is closed");
  socket_.reset();
  on_over_();
}

}  // namespace tributary::agent
