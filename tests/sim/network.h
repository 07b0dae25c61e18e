// The wires between agents and the collector, and what can happen to them.
#ifndef TRIBUTARY_TESTS_SIM_NETWORK_H_
#define TRIBUTARY_TESTS_SIM_NETWORK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/transport.h"
#include "collector/ingest/ingest.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/task_queue.h"
#include "tests/sim/trace.h"

namespace tributary::sim {

// What passes over one connection, told when it leaves its sender or reaches the collector, for
// whoever checks promises. `connection` is a number never used again.
class NetworkObserver {
 public:
  virtual ~NetworkObserver() = default;
  virtual void OnCollectorSends(int connection, const ingest::v1::CollectorMessage& message) = 0;
  virtual void OnCollectorGets(int connection, const ingest::v1::AgentMessage& message) = 0;
  virtual void OnAgentSends(int connection, const ingest::v1::AgentMessage& message) = 0;
  virtual void OnAgentGets(int connection, const ingest::v1::CollectorMessage& message) = 0;
};

// Each connection carries messages in order in each direction, as a stream of HTTP/2 does; among
// connections and directions there is no order. A message takes its time; what is on its way when
// a connection breaks is lost from some message on. A black hole swallows everything in one
// direction and says nothing, as a cable that was cut.
//
// Nothing moves by itself: whoever schedules asks for `ready` and calls Deliver. Not thread-safe;
// outlives agents and collectors.
class Network {
 public:
  struct Options {
    absl::Duration delay_max = absl::Milliseconds(20);
    // Messages in one direction that leave their sender before the first of them has arrived.
    size_t pipe_messages = 4;
  };
  struct Dependencies {
    Clock* clock;
    Random* random;
    Trace* trace;
    NetworkObserver* observer;
  };

  Network(const Options& options, const Dependencies& dependencies);
  ~Network();

  // --- The two sides.

  // A transport of a process of `node`, whose tasks run on `queue`. Destroyed with the process.
  std::unique_ptr<agent::Transport> MakeTransport(const std::string& node, TaskQueue* queue);
  // A collector's process listens from now on. It outlives CollectorDied.
  void CollectorStarted(Ingest* ingest);
  // `machine`: it lost its power, and tells nobody; else its kernel closes its connections.
  void CollectorDied(bool machine);

  // The machine lost its power: nobody hears of it.
  void NodeLostPower(const std::string& node);

  // --- Time.

  // Directions that have something to deliver now.
  size_t ready() const;
  // Delivers the first thing of the direction `index` < ready().
  void Deliver(size_t index);
  // When the next message arrives; infinite if none is on its way.
  absl::Duration next_due() const;
  size_t connections() const { return connections_.size(); }

  // --- Faults. Each one chooses among the connections that are there; none does nothing.

  // Both ends learn of it, each in its time.
  void CutOne();
  // From now on one direction, or both, swallows everything.
  void BlackHoleOne();
  // Every new connection is refused, or answered by silence.
  enum class Reach { kOpen, kRefused, kSilent };
  void SetReach(Reach reach) { reach_ = reach; }
  // What an agent once said in one session reaches the collector again, as a session of its own.
  void ReplayOne();
  // No more of all that: black holes end as broken connections.
  void Heal();

 private:
  struct Connection;
  class AgentSide;
  class Peer;
  using ConnectionPtr = std::shared_ptr<Connection>;
  struct Direction {
    Connection* connection = nullptr;
    bool up = false;
  };

  absl::Duration Arrival(absl::Duration after);
  ConnectionPtr Connect(const std::string& node, agent::TransportEvents* events, TaskQueue* queue);
  void AgentSends(const ConnectionPtr& connection, ingest::v1::AgentMessage message);
  void AgentCloses(const ConnectionPtr& connection, bool process_died);
  void Break(Connection* connection);
  std::vector<Direction> Ready() const;
  bool UpReady(const Connection& connection) const;
  bool DownReady(const Connection& connection) const;
  void DeliverUp(const ConnectionPtr& connection);
  void DeliverDown(const ConnectionPtr& connection);
  void TellSent(const ConnectionPtr& connection);
  void EndDown(Connection* connection);
  void Forget();
  ConnectionPtr Choose();

  const Options options_;
  const Dependencies deps_;
  Reach reach_ = Reach::kOpen;
  Ingest* ingest_ = nullptr;
  // Counts the collector's processes: messages of an older one's connection reach nobody.
  uint64_t life_ = 0;
  int last_number_ = 0;
  std::vector<ConnectionPtr> connections_;
  // What agents said in connections that are over, or still live.
  struct Recording {
    std::string node;
    std::vector<ingest::v1::AgentMessage> messages;
    uint64_t bytes = 0;
  };
  std::deque<std::shared_ptr<Recording>> recordings_;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_NETWORK_H_
