#include "agent/sender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config.h"

namespace tributary::agent {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;

constexpr uint32_t kProtocolVersion = 1;
constexpr absl::Duration kRetryWarningEvery = absl::Minutes(5);

constexpr ingest::v1::RefusalReason kNoRefusal = ingest::v1::REFUSAL_REASON_UNSPECIFIED;

std::string RefusalText(const ingest::v1::Refusal& refusal) {
  return absl::StrCat("the collector refused the session: ",
                      refusal.detail().empty() ? ingest::v1::RefusalReason_Name(refusal.reason())
                                               : refusal.detail());
}

// What waiting cannot cure, or only the end of another agent; OK for the others.
absl::Status FinalRefusal(const ingest::v1::Refusal& refusal) {
  const std::string text = RefusalText(refusal);
  switch (refusal.reason()) {
    case ingest::v1::REFUSAL_REASON_PROTOCOL:
    case ingest::v1::REFUSAL_REASON_VERSION:
      return absl::InvalidArgumentError(text);
    case ingest::v1::REFUSAL_REASON_WRONG_STORE:
    case ingest::v1::REFUSAL_REASON_NODE_TAKEN:
    case ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN:
      return absl::FailedPreconditionError(text);
    case ingest::v1::REFUSAL_REASON_UNAUTHORISED:
      return absl::PermissionDeniedError(text);
    default:
      return absl::OkStatus();
  }
}

absl::Duration Wished(int64_t nanos, absl::Duration fallback) {
  return nanos > 0 ? absl::Nanoseconds(nanos) : fallback;
}

}  // namespace

absl::string_view SessionStateName(SessionState state) {
  switch (state) {
    case SessionState::kWaiting:
      return "waiting";
    case SessionState::kConnecting:
      return "connecting";
    case SessionState::kGreeting:
      return "greeting";
    case SessionState::kStreaming:
      return "streaming";
    case SessionState::kClosing:
      return "closing";
    case SessionState::kFinished:
      return "finished";
  }
  return "unknown";
}

Sender::Sender(const Options& options, Dependencies dependencies)
    : options_(options),
      deps_(std::move(dependencies)),
      backoff_(options.backoff, deps_.random),
      connect_at_(deps_.clock->Monotonic()),
      heartbeat_(options.heartbeat),
      dead_after_(options.dead_after) {}

void Sender::SetState(SessionState state, absl::string_view why) {
  if (state == state_) return;
  deps_.log->Debug(
      "session state",
      {{"from", SessionStateName(state_)}, {"to", SessionStateName(state)}, {"why", why}});
  if (state_ == SessionState::kStreaming) deps_.delivery->End();
  state_ = state;
}

void Sender::Step() {
  const absl::Duration now = deps_.clock->Monotonic();
  if (outcome_.has_value()) return;
  if (state_ == SessionState::kWaiting) {
    if (deps_.delivery->drained()) {
      FinishDrain();
      return;
    }
    if (now >= connect_at_) {
      heard_at_ = now;
      sent_at_ = now;
      sending_ = false;
      goodbye_sent_ = false;
      ping_ = 0;
      refused_ = kNoRefusal;
      SetState(SessionState::kConnecting, "due");
      deps_.transport->Connect(this);
    }
    return;
  }
  CheckPeer();
  Pump();
}

absl::Duration Sender::next_step() const {
  if (outcome_.has_value()) return absl::InfiniteDuration();
  switch (state_) {
    case SessionState::kWaiting:
      // A drain that has nothing left to deliver needs no connection: it ends at once.
      return deps_.delivery->drained() ? absl::ZeroDuration() : connect_at_;
    case SessionState::kConnecting:
      return heard_at_ + dead_after_;
    case SessionState::kGreeting:
      return std::min(heard_at_ + dead_after_,
                      sending_ ? absl::InfiniteDuration() : sent_at_ + heartbeat_);
    case SessionState::kStreaming: {
      absl::Duration next = heard_at_ + dead_after_;
      if (!sending_) {
        next = std::min({next, sent_at_ + heartbeat_, deps_.delivery->next_message()});
      }
      return next;
    }
    case SessionState::kClosing:
    case SessionState::kFinished:
      return absl::InfiniteDuration();
  }
  return absl::InfiniteDuration();
}

void Sender::CheckPeer() {
  if (state_ != SessionState::kConnecting && !connected()) return;
  const absl::Duration silent = deps_.clock->Monotonic() - heard_at_;
  if (silent < dead_after_) return;
  last_error_ = absl::StrCat("the collector was silent for ", absl::FormatDuration(silent));
  deps_.log->Warn("collector is silent, connecting again", {{"silent", silent}});
  Close("silent");
}

void Sender::Pump() {
  if (sending_) return;
  if (state_ == SessionState::kStreaming) SendNext();
  // A collector whose disk is slow may take long to find a name for the node.
  if (state_ == SessionState::kGreeting) SendHeartbeatIfDue();
}

void Sender::SendNext() {
  if (goodbye_sent_) {
    FinishDrain();
    return;
  }
  if (deps_.delivery->drained()) {
    SendGoodbye();
    return;
  }
  // Before bytes: a busy agent is heard anyway, but its clock is shown.
  if (SendHeartbeatIfDue()) return;
  if (std::optional<AgentMessage> message = deps_.delivery->NextMessage()) {
    Send(*std::move(message));
  }
}

bool Sender::SendHeartbeatIfDue() {
  if (ping_ == 0 && deps_.clock->Monotonic() < sent_at_ + heartbeat_) return false;
  AgentMessage message;
  message.mutable_heartbeat()->set_clock_unix_nanos(absl::ToUnixNanos(deps_.clock->Wall()));
  message.mutable_heartbeat()->set_pong(std::exchange(ping_, 0));
  Send(std::move(message));
  return true;
}

void Sender::Send(AgentMessage message) {
  sending_ = true;
  sent_at_ = deps_.clock->Monotonic();
  deps_.transport->Send(std::move(message));
}

void Sender::SendHello() {
  AgentMessage message;
  *message.mutable_hello() = options_.hello;
  message.mutable_hello()->set_protocol_version(kProtocolVersion);
  message.mutable_hello()->set_clock_unix_nanos(absl::ToUnixNanos(deps_.clock->Wall()));
  Send(std::move(message));
}

void Sender::SendGoodbye() {
  AgentMessage message;
  message.mutable_goodbye()->set_detail("drained");
  goodbye_sent_ = true;
  Send(std::move(message));
}

absl::Status Sender::DrainOutcome() const {
  return deps_.delivery->Left(1).empty() ? absl::OkStatus()
                                         : absl::DataLossError("not everything could be delivered");
}

void Sender::FinishDrain() { Finish(DrainOutcome(), "drained"); }

void Sender::Finish(absl::Status outcome, absl::string_view why) {
  outcome_ = std::move(outcome);
  if (state_ == SessionState::kWaiting || state_ == SessionState::kClosing) {
    SetState(SessionState::kFinished, why);
  } else {
    Close(why);
  }
}

void Sender::Close(absl::string_view why) {
  SetState(SessionState::kClosing, why);
  deps_.transport->Close();
}

void Sender::OnConnected() {
  if (state_ != SessionState::kConnecting) return;
  heard_at_ = deps_.clock->Monotonic();
  SetState(SessionState::kGreeting, "connected");
  SendHello();
  deps_.on_changed();
}

void Sender::OnSent() {
  sending_ = false;
  Pump();
  deps_.on_changed();
}

void Sender::OnMessage(CollectorMessage message) {
  if (!connected()) return;
  heard_at_ = deps_.clock->Monotonic();
  Dispatch(message);
  Pump();
  deps_.on_changed();
}

void Sender::Dispatch(const CollectorMessage& message) {
  if (message.has_refusal() && !message.refusal().has_stream()) {
    OnSessionRefusal(message.refusal());
    return;
  }
  if (message.heartbeat().ping() != 0) ping_ = message.heartbeat().ping();
  if (message.has_goodbye()) {
    last_error_ = absl::StrCat("the collector said goodbye: ", message.goodbye().detail());
    Close("goodbye");
    return;
  }
  if (state_ == SessionState::kGreeting) {
    OnGreetingMessage(message);
    return;
  }
  if (!proved_) {
    proved_ = true;
    backoff_.Reset();
  }
  switch (message.message_case()) {
    case CollectorMessage::kOfferBatch:
      deps_.delivery->OnOffers(message.offer_batch());
      break;
    case CollectorMessage::kCredit:
      deps_.delivery->OnCredit(message.credit());
      break;
    case CollectorMessage::kAcks:
      deps_.delivery->OnAcks(message.acks());
      break;
    case CollectorMessage::kRefusal:
      deps_.delivery->OnRefusal(message.refusal());
      break;
    case CollectorMessage::kFillAck:
      deps_.delivery->OnFillAck(message.fill_ack());
      break;
    case CollectorMessage::kAssetAck:
      deps_.delivery->OnAssetAck(message.asset_ack());
      break;
    case CollectorMessage::kGoodbye:  // Seen above.
    case CollectorMessage::kWelcome:  // A second one tells nothing.
    case CollectorMessage::kHeartbeat:
    case CollectorMessage::MESSAGE_NOT_SET:  // Of a newer protocol.
      break;
  }
}

void Sender::OnGreetingMessage(const CollectorMessage& message) {
  switch (message.message_case()) {
    case CollectorMessage::kWelcome:
      OnWelcome(message.welcome());
      break;
    case CollectorMessage::kHeartbeat:       // It still decides.
    case CollectorMessage::MESSAGE_NOT_SET:  // Of a newer protocol.
      break;
    default:
      last_error_ = "the collector answered Hello with something else than Welcome";
      deps_.log->Warn("collector breaks the protocol", {{"detail", last_error_}});
      Close("no Welcome");
  }
}

void Sender::OnWelcome(const ingest::v1::Welcome& welcome) {
  if (welcome.protocol_version() != kProtocolVersion) {
    Finish(absl::InvalidArgumentError(
               absl::StrCat("the collector speaks protocol ", welcome.protocol_version(), ", not ",
                            kProtocolVersion, ": upgrade the older of the two")),
           "protocol version");
    return;
  }
  if (!options_.hello.store_id().empty() && welcome.store_id() != options_.hello.store_id()) {
    Finish(
        absl::FailedPreconditionError(absl::StrCat("the collector's store is ", welcome.store_id(),
                                                   ", wanted was ", options_.hello.store_id())),
        "wrong store");
    return;
  }
  const bool same_store = welcome.store_id() == store_id_;
  if (!same_store && !store_id_.empty()) {
    deps_.log->Warn("collector has another store than before, everything is compared again",
                    {{"before", store_id_}, {"now", welcome.store_id()}});
  }
  const bool same_collector =
      same_store && !start_nonce_.empty() && welcome.start_nonce() == start_nonce_;
  store_id_ = welcome.store_id();
  start_nonce_ = welcome.start_nonce();
  heartbeat_ = Wished(welcome.limits().heartbeat_nanos(), options_.heartbeat);
  dead_after_ = Wished(welcome.limits().dead_after_nanos(), options_.dead_after);
  last_error_.clear();
  taken_since_.reset();
  ++connects_total_;
  proved_ = false;
  SetState(SessionState::kStreaming, "welcome");
  deps_.log->Info("connected to the collector", {{"node", welcome.node()},
                                                 {"store", store_id_},
                                                 {"version", welcome.collector_version()},
                                                 {"same_run_as_before", same_collector}});
  deps_.delivery->Begin(welcome, same_collector);
}

void Sender::OnSessionRefusal(const ingest::v1::Refusal& refusal) {
  ++refusals_total_;
  refused_ = refusal.reason();
  last_error_ = RefusalText(refusal);
  absl::Status final_status = FinalRefusal(refusal);
  if (!final_status.ok() && !WaitsForHolder(refusal.reason())) {
    Finish(std::move(final_status), "refused for good");
    return;
  }
  if (!final_status.ok()) {
    absl::StrAppend(&last_error_, "; waiting ",
                    options_.taken_wait == absl::InfiniteDuration()
                        ? ""
                        : absl::StrCat("at most ", DurationText(options_.taken_wait), " "),
                    "for the other one to end");
  }
  Close("refused");
}

bool Sender::WaitsForHolder(ingest::v1::RefusalReason reason) {
  if (reason != ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN &&
      reason != ingest::v1::REFUSAL_REASON_NODE_TAKEN) {
    return false;
  }
  const absl::Duration now = deps_.clock->Monotonic();
  if (!taken_since_.has_value()) taken_since_ = now;
  return now < *taken_since_ + options_.taken_wait;
}

void Sender::OnClosed(absl::Status status) {
  sending_ = false;
  // The collector ends the session when it hears the goodbye, and that may overtake OnSent.
  if (goodbye_sent_ && !outcome_.has_value()) outcome_ = DrainOutcome();
  const bool expected = state_ == SessionState::kClosing || outcome_.has_value();
  if (!expected) last_error_ = std::string(status.message());
  if (outcome_.has_value()) {
    SetState(SessionState::kFinished, "closed");
    deps_.on_changed();
    return;
  }
  const absl::Duration now = deps_.clock->Monotonic();
  absl::Duration delay = backoff_.Next();
  // The last try is made when the wait is over, not some backoff later.
  if (taken_since_.has_value() && now < *taken_since_ + options_.taken_wait) {
    delay = std::min(delay, *taken_since_ + options_.taken_wait - now);
  }
  connect_at_ = now + delay;
  dead_after_ = options_.dead_after;
  heartbeat_ = options_.heartbeat;
  SetState(SessionState::kWaiting, last_error_);
  LogRetry(delay);
  deps_.on_changed();
}

void Sender::LogRetry(absl::Duration delay) {
  constexpr absl::string_view kMessage = "not connected to the collector, will try again";
  const absl::Duration now = deps_.clock->Monotonic();
  const absl::Duration in = absl::Trunc(delay, absl::Milliseconds(1));
  // One line when it begins, one when the collector gives another reason, and one now and then:
  // /readyz and metrics show it all the time.
  const bool news = backoff_.tries() <= 1 || (refused_ != warned_of_ && refused_ != kNoRefusal);
  if (!news && now < next_retry_warning_) {
    deps_.log->Debug(kMessage, {{"error", last_error_}, {"in", in}, {"tries", backoff_.tries()}});
    return;
  }
  next_retry_warning_ = now + kRetryWarningEvery;
  warned_of_ = refused_;
  deps_.log->Warn(kMessage, {{"error", last_error_}, {"in", in}, {"tries", backoff_.tries()}});
}

void Sender::AddTo(Progress* progress) const {
  progress->state = state_;
  progress->store_id = store_id_;
  progress->last_error = last_error_;
  progress->connects_total = connects_total_;
  progress->refusals_total += refusals_total_;
}

}  // namespace tributary::agent
