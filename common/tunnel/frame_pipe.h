// What a tunnel runs over: one ordered stream of frames in each direction. A seam; gRPC is behind
// it in the two programs, a pair of queues in tests.
#ifndef TRIBUTARY_COMMON_TUNNEL_FRAME_PIPE_H_
#define TRIBUTARY_COMMON_TUNNEL_FRAME_PIPE_H_

#include "absl/status/status.h"
#include "tributary/cluster/v1/cluster.pb.h"

namespace tributary::tunnel {

// Told on the queue of the pipe's owner, never inside a call to the pipe.
class FramePipeEvents {
 public:
  virtual ~FramePipeEvents() = default;
  virtual void OnFrame(cluster::v1::TunnelFrame frame) = 0;
  // A frame that was given to Send has left.
  virtual void OnSent() = 0;
  // The stream is over, or could not be made. Nothing is told after it.
  virtual void OnClosed(const absl::Status& status) = 0;
};

// Used on its owner's queue. Its end ends the stream; nothing is told after it.
class FramePipe {
 public:
  virtual ~FramePipe() = default;
  // Once, before anything else. `events` must outlive the pipe.
  virtual void Start(FramePipeEvents* events) = 0;
  // Frames leave in the order in which they were given. The owner keeps few on their way.
  virtual void Send(cluster::v1::TunnelFrame frame) = 0;
  // Ends the stream; the other end is told `status` if it is a client. No more Send.
  virtual void Close(const absl::Status& status) = 0;
};

}  // namespace tributary::tunnel

#endif  // TRIBUTARY_COMMON_TUNNEL_FRAME_PIPE_H_
