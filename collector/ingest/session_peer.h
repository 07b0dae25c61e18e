// How ingest answers one agent. A seam: gRPC is behind it in grpc_service.*, a lossy link in the
// simulation.
#ifndef TRIBUTARY_COLLECTOR_INGEST_SESSION_PEER_H_
#define TRIBUTARY_COLLECTOR_INGEST_SESSION_PEER_H_

#include <cstddef>
#include <string>

#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

// Thread-safe. Lives until the session's OnClosed.
class SessionPeer {
 public:
  virtual ~SessionPeer() = default;
  // Queues a message; never blocks. What is queued after Close is dropped.
  virtual void Send(ingest::v1::CollectorMessage message) = 0;
  // Messages given to Send that have not left yet. A session whose peer does not read is held back,
  // then ended.
  virtual size_t queued_messages() const { return 0; }
  // Ends the session once what is queued has left.
  virtual void Close() = 0;
  // Numeric address of the agent.
  virtual std::string address() const = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_SESSION_PEER_H_
