// A thread that runs tasks and looks after many sockets: epoll.
#ifndef TRIBUTARY_COMMON_NET_SOCKET_LOOP_H_
#define TRIBUTARY_COMMON_NET_SOCKET_LOOP_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/net/stream_socket.h"
#include "common/posted_tasks.h"
#include "common/task_queue.h"

namespace tributary::net {

// The queue's methods are thread-safe; sockets and listeners are made, used and destroyed by tasks
// of the queue, or when it has stopped.
class SocketLoop : public TaskQueue, public Sockets {
 public:
  // `name` is the thread's, at most 15 bytes. `clock` must outlive this.
  SocketLoop(const std::string& name, Clock* clock);
  // Stops, if Stop was not called. No socket may be left.
  ~SocketLoop() override;

  void Post(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  void PostAfter(absl::Duration delay, Task task) override ABSL_LOCKS_EXCLUDED(mu_);

  std::unique_ptr<StreamSocket> Adopt(int descriptor, SocketReady ready) override;
  std::unique_ptr<StreamSocket> ConnectLoopback(uint16_t port, bool ipv6,
                                                SocketReady ready) override;

  // Runs what was posted before, drops what waits for a delay, joins the thread. Not from a task of
  // this queue.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Socket;
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Moves what is due into `batch`; sets *next to when the next delayed task is. False when
  // stopped and nothing is left.
  bool Take(std::deque<Task>* batch, absl::Duration* next) ABSL_LOCKS_EXCLUDED(mu_);
  void WaitForSockets(absl::Duration due);
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns the socket's number; *error becomes the errno if the system can watch no more.
  uint64_t Watch(int descriptor, Socket* socket, int* error);
  void Unwatch(int descriptor, uint64_t id);

  Clock* const clock_;
  const int wake_;  // an eventfd
  const int epoll_;

  // Owned by the thread. By numbers that are never used again, so that an event of a socket that is
  // gone reaches nobody.
  std::unordered_map<uint64_t, Socket*> sockets_;
  uint64_t next_id_ = 1;  // 0: wake_

  Mutex mu_;
  PostedTasks posted_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tributary::net

#endif  // TRIBUTARY_COMMON_NET_SOCKET_LOOP_H_
