// The session with the collector: connect, greet, deliver, notice when it is dead, start again.
#ifndef TRIBUTARY_AGENT_SENDER_H_
#define TRIBUTARY_AGENT_SENDER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/delivery.h"
#include "agent/progress.h"
#include "agent/transport.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// A state machine over the transport; what it sends within a session is the delivery's choice.
// Knows no gRPC. State changes in SetState only.
//
// Not thread-safe. Owned by the agent; ends when outcome() is set.
class Sender : public TransportEvents {
 public:
  struct Options {
    ingest::v1::Hello hello;
    // Until Welcome tells the collector's own wishes.
    absl::Duration heartbeat = absl::Seconds(5);
    absl::Duration dead_after = absl::Seconds(20);
    absl::Duration taken_wait;  // see Agent::Options
    Backoff::Options backoff;
  };
  struct Dependencies {
    Delivery* delivery;  // all outlive this
    Transport* transport;
    Clock* clock;
    Random* random;
    Logger* log;
    std::function<void()> on_changed;  // see Agent::Dependencies
  };

  Sender(const Options& options, Dependencies dependencies);

  // Does what is due: connects, gives up a dead peer, sends what can be sent.
  void Step();
  absl::Duration next_step() const;

  SessionState state() const { return state_; }
  // See Agent::outcome.
  const std::optional<absl::Status>& outcome() const { return outcome_; }
  void AddTo(Progress* progress) const;

  void OnConnected() override;
  void OnMessage(ingest::v1::CollectorMessage message) override;
  void OnSent() override;
  void OnClosed(absl::Status status) override;

 private:
  void SetState(SessionState state, absl::string_view why);
  // After each event.
  void Pump();
  void SendNext();
  bool SendHeartbeatIfDue();
  void Send(ingest::v1::AgentMessage message);
  void SendHello();
  void SendGoodbye();
  void Dispatch(const ingest::v1::CollectorMessage& message);
  void OnGreetingMessage(const ingest::v1::CollectorMessage& message);
  void OnWelcome(const ingest::v1::Welcome& welcome);
  void OnSessionRefusal(const ingest::v1::Refusal& refusal);
  void CheckPeer();
  // Ends the connection; a new one follows unless outcome_ is set.
  void Close(absl::string_view why);
  void Finish(absl::Status outcome, absl::string_view why);
  // What a drain that has come to its end comes to.
  absl::Status DrainOutcome() const;
  void FinishDrain();
  void LogRetry(absl::Duration delay);
  // Whether it is too early to give up though another live agent has the name.
  bool WaitsForHolder(ingest::v1::RefusalReason reason);
  bool connected() const {
    return state_ == SessionState::kGreeting || state_ == SessionState::kStreaming;
  }

  const Options options_;
  const Dependencies deps_;

  SessionState state_ = SessionState::kWaiting;
  std::optional<absl::Status> outcome_;
  Backoff backoff_;
  absl::Duration connect_at_;  // while kWaiting
  absl::Duration next_retry_warning_;
  ingest::v1::RefusalReason refused_ = ingest::v1::REFUSAL_REASON_UNSPECIFIED;  // by the last try
  ingest::v1::RefusalReason warned_of_ = ingest::v1::REFUSAL_REASON_UNSPECIFIED;
  // Since when each try found another live agent in this one's place.
  std::optional<absl::Duration> taken_since_;

  // Of the present connection.
  bool sending_ = false;  // Send was called, OnSent has not come
  bool goodbye_sent_ = false;
  uint64_t ping_ = 0;  // of the collector, to be answered; 0 for none
  absl::Duration heartbeat_;
  absl::Duration dead_after_;
  absl::Duration sent_at_;
  absl::Duration heard_at_;
  bool proved_ = false;  // the collector said more than Welcome

  // Of the collector that was met last.
  std::string store_id_;
  std::string start_nonce_;

  std::string last_error_;
  uint64_t connects_total_ = 0;
  uint64_t refusals_total_ = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_SENDER_H_
