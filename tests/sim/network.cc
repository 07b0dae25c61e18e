#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace tributary::sim {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;

// Messages handed to an agent's queue that it has not dealt with yet.
constexpr int kAgentPendingMax = 4;
constexpr size_t kRecordingsMax = 6;
constexpr uint64_t kRecordingBytesMax = 256u << 10;

// One message on its way, or the end of the stream.
template <typename Message>
struct Flight {
  absl::Duration due;
  Message message;
  bool end = false;
};

}  // namespace

struct Network::Connection {
  int number = 0;
  std::string node;

  // The agent's side. `events` is null once it was told of the end, or its process is gone.
  agent::TransportEvents* events = nullptr;
  TaskQueue* queue = nullptr;
  bool sending = false;  // Send was called, OnSent was not told
  int pending = 0;       // messages posted to the queue and not dealt with

  // The collector's side. Not accepted before the first message arrives.
  bool accepted = false;
  bool collector_closed = false;
  uint64_t life = 0;
  SessionId session;
  bool reading = false;  // a message waits on the session queue

  std::deque<Flight<AgentMessage>> up;
  std::deque<Flight<CollectorMessage>> down;
  bool up_ended = false;    // nothing more may be put behind
  bool down_ended = false;  // the same
  bool up_swallowed = false;
  bool down_swallowed = false;
  bool up_over = false;    // the end was delivered
  bool down_over = false;  // the same

  std::shared_ptr<Recording> recording;
};

class Network::Peer : public SessionPeer {
 public:
  Peer(Network* network, ConnectionPtr connection)
      : network_(network), connection_(std::move(connection)) {}

  void Send(CollectorMessage message) override {
    if (connection_->collector_closed || connection_->life != network_->life_) return;
    network_->deps_.observer->OnCollectorSends(connection_->number, message);
    if (connection_->down_ended) return;
    const absl::Duration last =
        connection_->down.empty() ? absl::ZeroDuration() : connection_->down.back().due;
    connection_->down.push_back({network_->Arrival(last), std::move(message)});
  }
  size_t queued_messages() const override {
    const size_t pipe = network_->options_.pipe_messages;
    return connection_->down.size() > pipe ? connection_->down.size() - pipe : 0;
  }
  void Close() override {
    connection_->collector_closed = true;
    network_->EndDown(connection_.get());
  }
  std::string address() const override { return "10.0.0.1:1"; }

 private:
  Network* const network_;
  const ConnectionPtr connection_;
};

class Network::AgentSide : public agent::Transport {
 public:
  AgentSide(Network* network, std::string node, TaskQueue* queue)
      : network_(network), node_(std::move(node)), queue_(queue) {}
  ~AgentSide() override {
    if (connection_ != nullptr) network_->AgentCloses(connection_, /*process_died=*/true);
  }

  void Connect(agent::TransportEvents* events) override {
    CHECK(connection_ == nullptr || connection_->events == nullptr, "connected twice");
    connection_ = network_->Connect(node_, events, queue_);
  }
  void Send(AgentMessage message) override {
    CHECK(connection_ != nullptr, "sent without a connection");
    network_->AgentSends(connection_, std::move(message));
  }
  void Close() override {
    if (connection_ != nullptr) network_->AgentCloses(connection_, /*process_died=*/false);
  }

 private:
  Network* const network_;
  const std::string node_;
  TaskQueue* const queue_;
  ConnectionPtr connection_;
};

Network::Network(const Options& options, const Dependencies& dependencies)
    : options_(options), deps_(dependencies) {}

Network::~Network() = default;

std::unique_ptr<agent::Transport> Network::MakeTransport(const std::string& node,
                                                         TaskQueue* queue) {
  return std::make_unique<AgentSide>(this, node, queue);
}

void Network::CollectorStarted(Ingest* ingest) {
  ++life_;
  ingest_ = ingest;
}

void Network::CollectorDied(bool machine) {
  for (const ConnectionPtr& connection : connections_) {
    if (!connection->accepted || connection->life != life_) continue;
    connection->reading = false;  // its queue is gone
    connection->collector_closed = true;
    if (machine) {
      // What was on its way still comes; after it silence, until somebody answers with a reset.
      connection->down_ended = true;
    } else {
      EndDown(connection.get());
    }
  }
  ++life_;
  ingest_ = nullptr;
}

absl::Duration Network::Arrival(absl::Duration after) {
  const absl::Duration delay = options_.delay_max * deps_.random->Unit();
  return std::max(after, deps_.clock->Monotonic() + delay);
}

Network::ConnectionPtr Network::Connect(const std::string& node, agent::TransportEvents* events,
                                        TaskQueue* queue) {
  auto connection = std::make_shared<Connection>();
  connection->number = ++last_number_;
  connection->node = node;
  connection->events = events;
  connection->queue = queue;
  connections_.push_back(connection);
  deps_.trace->Note("connect", " ", connection->number, " of ", node);
  switch (reach_) {
    case Reach::kOpen:
      break;
    case Reach::kRefused:
      connection->up_ended = true;
      EndDown(connection.get());
      return connection;
    case Reach::kSilent:
      connection->up_swallowed = true;
      connection->down_swallowed = true;
      break;
  }
  auto recording = std::make_shared<Recording>();
  recording->node = node;
  recordings_.push_back(recording);
  if (recordings_.size() > kRecordingsMax) recordings_.pop_front();
  connection->recording = std::move(recording);
  // As gRPC does, what is sent is kept until the connection stands.
  queue->Post([connection] {
    if (connection->events != nullptr) connection->events->OnConnected();
  });
  return connection;
}

void Network::AgentSends(const ConnectionPtr& connection, AgentMessage message) {
  CHECK(!connection->sending, "two messages at once");
  deps_.observer->OnAgentSends(connection->number, message);
  connection->sending = true;
  if (connection->up_ended) return;  // OnClosed is on its way.
  if (Recording* recording = connection->recording.get()) {
    recording->bytes += message.ByteSizeLong();
    if (recording->bytes < kRecordingBytesMax) recording->messages.push_back(message);
  }
  const absl::Duration last =
      connection->up.empty() ? absl::ZeroDuration() : connection->up.back().due;
  connection->up.push_back({Arrival(last), std::move(message)});
  if (connection->up.size() <= options_.pipe_messages) TellSent(connection);
}

void Network::TellSent(const ConnectionPtr& connection) {
  if (!connection->sending || connection->events == nullptr) return;
  connection->sending = false;
  connection->queue->Post([connection] {
    if (connection->events != nullptr) connection->events->OnSent();
  });
}

void Network::AgentCloses(const ConnectionPtr& connection, bool process_died) {
  if (!connection->up_ended) {
    connection->up_ended = true;
    const absl::Duration last =
        connection->up.empty() ? absl::ZeroDuration() : connection->up.back().due;
    connection->up.push_back({Arrival(last), AgentMessage(), /*end=*/true});
  }
  if (process_died) {
    connection->events = nullptr;
    connection->pending = 0;  // its queue is gone
    return;
  }
  // A goodbye may take a moment to leave; then the call is cancelled, whatever the peer does.
  connection->queue->PostAfter(absl::Seconds(1) * deps_.random->Unit(), [connection] {
    if (connection->events == nullptr) return;
    std::exchange(connection->events, nullptr)->OnClosed(absl::CancelledError("closed"));
  });
}

void Network::NodeLostPower(const std::string& node) {
  for (const ConnectionPtr& connection : connections_) {
    if (connection->node != node || connection->events == nullptr) continue;
    connection->up.resize(deps_.random->Below(connection->up.size() + 1));
    connection->up_ended = true;
  }
}

void Network::EndDown(Connection* connection) {
  if (connection->down_ended) return;
  connection->down_ended = true;
  const absl::Duration last =
      connection->down.empty() ? absl::ZeroDuration() : connection->down.back().due;
  connection->down.push_back({Arrival(last), CollectorMessage(), /*end=*/true});
}

bool Network::UpReady(const Connection& connection) const {
  return !connection.up.empty() && !connection.reading &&
         connection.up.front().due <= deps_.clock->Monotonic();
}

bool Network::DownReady(const Connection& connection) const {
  return !connection.down.empty() && connection.pending < kAgentPendingMax &&
         connection.down.front().due <= deps_.clock->Monotonic();
}

std::vector<Network::Direction> Network::Ready() const {
  std::vector<Direction> ready;
  for (const ConnectionPtr& connection : connections_) {
    if (UpReady(*connection)) ready.push_back({connection.get(), true});
    if (DownReady(*connection)) ready.push_back({connection.get(), false});
  }
  return ready;
}

size_t Network::ready() const { return Ready().size(); }

absl::Duration Network::next_due() const {
  absl::Duration due = absl::InfiniteDuration();
  for (const ConnectionPtr& connection : connections_) {
    if (!connection->up.empty() && !connection->reading) {
      due = std::min(due, connection->up.front().due);
    }
    if (!connection->down.empty() && connection->pending < kAgentPendingMax) {
      due = std::min(due, connection->down.front().due);
    }
  }
  return due;
}

void Network::Deliver(size_t index) {
  const Direction direction = Ready().at(index);
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [&](const ConnectionPtr& one) { return one.get() == direction.connection; });
  const ConnectionPtr connection = *found;
  if (direction.up) {
    DeliverUp(connection);
  } else {
    DeliverDown(connection);
  }
  Forget();
}

void Network::DeliverUp(const ConnectionPtr& connection) {
  Flight<AgentMessage> flight = std::move(connection->up.front());
  connection->up.pop_front();
  TellSent(connection);
  if (connection->up_swallowed) return;
  if (connection->accepted && connection->life != life_) {
    // A connection of a process that is gone: where there is a machine, it sends a reset.
    if (ingest_ != nullptr) {
      connection->down_ended = false;
      EndDown(connection.get());
    }
    return;
  }
  if (!connection->accepted) {
    if (flight.end) {
      EndDown(connection.get());
      return;
    }
    if (ingest_ == nullptr) {
      EndDown(connection.get());
      return;
    }
    connection->accepted = true;
    connection->life = life_;
    ingest_->session_queue()->Post([ingest = ingest_, connection, this] {
      connection->session = ingest->sessions()->Connect(std::make_shared<Peer>(this, connection));
    });
  }
  if (flight.end) {
    connection->up_over = true;
    ingest_->session_queue()->Post([ingest = ingest_, connection] {
      ingest->sessions()->OnClosed(connection->session, "the connection ended");
    });
    EndDown(connection.get());
    return;
  }
  if (connection->collector_closed) return;
  deps_.observer->OnCollectorGets(connection->number, flight.message);
  connection->reading = true;
  ingest_->session_queue()->Post(
      [ingest = ingest_, connection, message = std::move(flight.message)]() mutable {
        connection->reading = false;
        ingest->sessions()->OnMessage(connection->session, std::move(message));
      });
}

void Network::DeliverDown(const ConnectionPtr& connection) {
  Flight<CollectorMessage> flight = std::move(connection->down.front());
  connection->down.pop_front();
  if (connection->down_swallowed) return;
  if (flight.end) connection->down_over = true;
  if (connection->events == nullptr) return;
  if (flight.end) {
    connection->queue->Post([connection] {
      if (connection->events == nullptr) return;
      std::exchange(connection->events, nullptr)->OnClosed(absl::UnavailableError("cut"));
    });
    return;
  }
  ++connection->pending;
  connection->queue->Post([this, connection, message = std::move(flight.message)]() mutable {
    --connection->pending;
    if (connection->events == nullptr) return;
    deps_.observer->OnAgentGets(connection->number, message);
    connection->events->OnMessage(std::move(message));
  });
}

// Connections in which nothing can happen any more are let go.
void Network::Forget() {
  std::erase_if(connections_, [&](const ConnectionPtr& connection) {
    const bool collector_gone = !connection->accepted || connection->life != life_ ||
                                connection->up_over || connection->collector_closed;
    return connection->events == nullptr && connection->up.empty() && connection->down.empty() &&
           collector_gone;
  });
}

Network::ConnectionPtr Network::Choose() {
  if (connections_.empty()) return nullptr;
  return connections_[deps_.random->Below(connections_.size())];
}

// From some message on everything is lost, in each direction for itself, and both ends learn.
void Network::Break(Connection* connection) {
  connection->up.resize(deps_.random->Below(connection->up.size() + 1));
  connection->down.resize(deps_.random->Below(connection->down.size() + 1));
  connection->up_swallowed = false;
  connection->down_swallowed = false;
  connection->up_ended = true;
  const absl::Duration last_up =
      connection->up.empty() ? absl::ZeroDuration() : connection->up.back().due;
  if (connection->up.empty() || !connection->up.back().end) {
    connection->up.push_back({Arrival(last_up), AgentMessage(), /*end=*/true});
  }
  connection->down_ended = !connection->down.empty() && connection->down.back().end;
  EndDown(connection);
}

void Network::CutOne() {
  const ConnectionPtr connection = Choose();
  if (connection == nullptr) return;
  deps_.trace->Note("cut", " ", connection->number);
  Break(connection.get());
}

void Network::BlackHoleOne() {
  const ConnectionPtr connection = Choose();
  if (connection == nullptr) return;
  const uint64_t which = deps_.random->Below(3);
  connection->up_swallowed = connection->up_swallowed || which != 0;
  connection->down_swallowed = connection->down_swallowed || which != 1;
  deps_.trace->Note("black hole", " in ", connection->number, " up ", connection->up_swallowed,
                    " down ", connection->down_swallowed);
}

void Network::ReplayOne() {
  if (recordings_.empty()) return;
  const std::shared_ptr<Recording> recording = recordings_[deps_.random->Below(recordings_.size())];
  if (recording->messages.empty()) return;
  auto connection = std::make_shared<Connection>();
  connection->number = ++last_number_;
  connection->node = recording->node;
  deps_.trace->Note("replay", " as ", connection->number, " of ", recording->node, ", ",
                    recording->messages.size(), " messages");
  absl::Duration due = deps_.clock->Monotonic();
  for (const AgentMessage& message : recording->messages) {
    due = Arrival(due);
    connection->up.push_back({due, message});
  }
  connection->up_ended = true;
  // The other side notices at once, or only by the silence.
  if (deps_.random->Below(2) == 0) {
    connection->up.push_back({Arrival(due), AgentMessage(), /*end=*/true});
  }
  connections_.push_back(std::move(connection));
}

void Network::Heal() {
  reach_ = Reach::kOpen;
  for (const ConnectionPtr& connection : connections_) {
    const bool dead = connection->up_swallowed || connection->down_swallowed;
    if (dead) Break(connection.get());
  }
}

}  // namespace tributary::sim
