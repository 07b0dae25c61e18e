// A channel of the tunnel and the local connection that it was opened for: bytes go both ways.
#ifndef TRIBUTARY_AGENT_TUNNEL_LOCAL_CONNECTION_H_
#define TRIBUTARY_AGENT_TUNNEL_LOCAL_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/net/stream_socket.h"
#include "common/net/write_queue.h"
#include "common/tunnel/tunnel_link.h"

namespace tributary::agent {

// Connects to 127.0.0.1, then to ::1, and to nothing else. Each direction ends on its own; what is
// read waits for credit, what is written gives credit back once the service took it.
//
// Owned by the tunnel client, on its queue. Made when the collector opens the channel; `on_over`
// says once that it is of no use any more.
class LocalConnection : public tunnel::ChannelEvents {
 public:
  struct Dependencies {
    net::Sockets* sockets = nullptr;
    std::function<void()> on_over;
    // Where bytes are read to; shared by all connections of a thread.
    std::string* buffer = nullptr;
  };

  // Gives up connecting at `connect_deadline`, on the monotonic clock.
  LocalConnection(uint16_t port, tunnel::Channel channel, absl::Duration connect_deadline,
                  Dependencies dependencies);

  // Once a second.
  void Tick(absl::Duration now);

  void OnData(std::string bytes) override;
  void OnEnd() override;
  void OnReset(const std::string& detail) override;
  void OnRoom() override { Pump(); }

 private:
  void Connect(bool ipv6);
  // Moves what can be moved. Comes back when the socket or the channel says that more can be.
  void Pump();
  void PumpToService();
  absl::Status PumpToViewer();
  void Fail(const absl::Status& status);
  void Over();

  const uint16_t port_;
  const absl::Duration connect_deadline_;
  net::Sockets* const sockets_;
  std::string* const buffer_;
  const std::function<void()> on_over_;
  tunnel::Channel channel_;
  std::unique_ptr<net::StreamSocket> socket_;
  bool ipv6_ = false;
  net::WriteQueue to_service_;
  bool viewer_ended_ = false;  // after what is in to_service_
  bool service_deaf_ = false;  // it takes no more; what it says is still passed on
  bool writes_ended_ = false;
  bool service_ended_ = false;
  bool pumping_ = false;
  bool over_ = false;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_TUNNEL_LOCAL_CONNECTION_H_
