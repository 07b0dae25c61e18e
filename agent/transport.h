// How the sender reaches the collector: one bidirectional stream of messages at a time. A seam;
// gRPC is behind it in grpc_transport.*, a lossy link in the simulation.
#ifndef TRIBUTARY_AGENT_TRANSPORT_H_
#define TRIBUTARY_AGENT_TRANSPORT_H_

#include "absl/status/status.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// Told on the agent's own queue, never inside a call to the transport. After OnClosed nothing is
// told until Connect.
class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  virtual void OnConnected() = 0;
  virtual void OnMessage(ingest::v1::CollectorMessage message) = 0;
  // The message given to Send has left; the next one may be given.
  virtual void OnSent() = 0;
  // The connection is over, or could not be made. `status` says why: Unavailable names the address
  // and the reason.
  virtual void OnClosed(absl::Status status) = 0;
};

// Used on the agent's queue.
class Transport {
 public:
  virtual ~Transport() = default;
  // Starts to connect. Only when no connection is there or under way.
  virtual void Connect(TransportEvents* events) = 0;
  // One message at a time: not again before OnSent.
  virtual void Send(ingest::v1::AgentMessage message) = 0;
  // Ends the connection; OnClosed follows.
  virtual void Close() = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_TRANSPORT_H_
