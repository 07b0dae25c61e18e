// A whole ingest on queues that a test runs by hand, and agents that say what the test scripts.
#ifndef TRIBUTARY_TESTS_COLLECTOR_INGEST_INGEST_SITE_H_
#define TRIBUTARY_TESTS_COLLECTOR_INGEST_INGEST_SITE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/index/index.h"
#include "collector/ingest/ingest.h"
#include "common/check.h"
#include "common/metrics.h"
#include "tests/collector/ingest/fake_store.h"
#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_task_queue.h"

namespace tributary {

// What one agent was sent.
class CapturedPeer : public SessionPeer {
 public:
  explicit CapturedPeer(std::string address) : address_(std::move(address)) {}
  void Send(ingest::v1::CollectorMessage message) override {
    if (!closed) messages.push_back(std::move(message));
  }
  size_t queued_messages() const override { return queued; }
  void Close() override { closed = true; }
  std::string address() const override { return address_; }

  std::vector<ingest::v1::CollectorMessage> messages;
  bool closed = false;
  size_t queued = 0;  // a peer that does not read

 private:
  const std::string address_;
};

class IngestSite {
 public:
  explicit IngestSite(Ingest::Options options = {}, int shards = 2)
      : files(&clock),
        session(&clock),
        commit(&clock),
        asset(&clock),
        store(shards, &files),
        metrics(&registry),
        index(Index::Make({})) {
    CHECK(files.MakeDirectories("/data/logdir").ok(), "");
    for (int i = 0; i < shards; ++i) {
      shard_queues.push_back(std::make_unique<ManualTaskQueue>(&clock));
    }
    options.start_nonce = "nonce";
    options.collector_version = "test";
    options_ = std::move(options);
  }

  void Start() {
    Ingest::Dependencies deps;
    deps.store = other_store != nullptr ? other_store : &store;
    deps.index = index.get();
    deps.files = &files;
    deps.clock = &clock;
    deps.board = &board;
    deps.nodes = &nodes;
    deps.decisions = &decisions;
    deps.metrics = &metrics;
    deps.log = &log;
    deps.session = &session;
    deps.commit = &commit;
    deps.asset = &asset;
    for (auto& queue : shard_queues) deps.shards.push_back(queue.get());
    deps.on_fatal = [this](absl::Status status) { fatal = std::move(status); };
    ingest = std::make_unique<Ingest>(options_, deps);
    ingest->Start();
  }

  // Runs everything that is due. Queues that are frozen stay.
  void Run() {
    bool more = true;
    while (more) {
      more = session.RunOne();
      if (!commit_frozen) more = commit.RunOne() || more;
      if (!asset_frozen) more = asset.RunOne() || more;
      for (auto& queue : shard_queues) {
        if (!shards_frozen) more = queue->RunOne() || more;
      }
    }
  }
  // Lets time pass in small steps, so that timers run when they are due.
  void Pass(absl::Duration time) {
    for (absl::Duration step = absl::Milliseconds(100); time > absl::ZeroDuration(); time -= step) {
      clock.Advance(step);
      Run();
    }
  }

  // What is answered at once, with the queues as they are.
  absl::StatusOr<ingest::v1::DescribeNodeResponse> Describe(
      const ingest::v1::DescribeNodeRequest& request) {
    absl::StatusOr<ingest::v1::DescribeNodeResponse> described =
        absl::DeadlineExceededError("no answer yet");
    ingest->DescribeNode(request, [&described](auto answer) { described = std::move(answer); });
    return described;
  }

  NodePresence nodes;
  FakeClock clock;
  FakeFileSystem files;
  ManualTaskQueue session;
  ManualTaskQueue commit;
  ManualTaskQueue asset;
  std::vector<std::unique_ptr<ManualTaskQueue>> shard_queues;
  FakeStore store;
  Store* other_store = nullptr;  // instead of it; before Start
  CaptureLogger log;
  MetricsRegistry registry;
  IngestMetrics metrics;
  std::unique_ptr<Index> index;
  ClusterBoard board;
  RunDecisionBoard decisions;
  std::unique_ptr<Ingest> ingest;
  absl::Status fatal;
  bool shards_frozen = false;
  bool commit_frozen = false;
  bool asset_frozen = false;

 private:
  Ingest::Options options_;
};

// An agent whose every message is written by the test.
class ScriptedAgent {
 public:
  using Message = ingest::v1::AgentMessage;

  explicit ScriptedAgent(IngestSite* site, const std::string& node = "node07")
      : site_(site), peer_(std::make_shared<CapturedPeer>("127.0.0.1:5000")) {
    hello_.set_protocol_version(1);
    hello_.set_agent_version("1.2.3");
    hello_.set_pid(4711);
    hello_.set_agent_nonce(absl::StrCat("agent ", ++made_));
    hello_.mutable_node()->set_name(node);
    hello_.mutable_node()->set_machine_id("machine of " + node);
    hello_.mutable_node()->set_boot_id("boot of " + node);
    hello_.add_logdirs()->set_path("/logs");
    id_ = site_->ingest->sessions()->Connect(peer_);
  }

  ingest::v1::Hello* hello() { return &hello_; }
  SessionId id() const { return id_; }
  CapturedPeer* peer() { return peer_.get(); }
  bool ended() const { return peer_->closed; }

  void Say(Message message) {
    site_->ingest->sessions()->OnMessage(id_, std::move(message));
    site_->Run();
  }
  void SayHello() {
    Message message;
    *message.mutable_hello() = hello_;
    Say(std::move(message));
  }
  // Hello, and what is expected to follow.
  ScriptedAgent* Welcomed() {
    SayHello();
    CHECK(Last(&ingest::v1::CollectorMessage::has_welcome) != nullptr, "No Welcome.");
    return this;
  }
  void Beat() {
    Message message;
    message.mutable_heartbeat()->set_clock_unix_nanos(absl::ToUnixNanos(site_->clock.Wall()));
    Say(std::move(message));
  }
  // Answers what it was asked last.
  void Pong() {
    Message message;
    message.mutable_heartbeat()->set_clock_unix_nanos(absl::ToUnixNanos(site_->clock.Wall()));
    for (const auto& heard : peer_->messages) {
      if (heard.heartbeat().ping() != 0) {
        message.mutable_heartbeat()->set_pong(heard.heartbeat().ping());
      }
    }
    Say(std::move(message));
  }
  static ingest::v1::Open OpenOf(uint32_t number, const std::string& path) {
    ingest::v1::Open open;
    open.set_stream(number);
    open.set_kind(ingest::v1::STREAM_KIND_EVENT);
    open.set_path(path);
    open.set_run("node07/run");
    return open;
  }
  // Opens one stream and returns its offer.
  ingest::v1::Offer Open(const ingest::v1::Open& open) {
    Message message;
    *message.mutable_open_batch()->add_opens() = open;
    Say(std::move(message));
    const auto* answer = Last(&ingest::v1::CollectorMessage::has_offer_batch);
    CHECK(answer != nullptr, "No offers.");
    return answer->offer_batch().offers(answer->offer_batch().offers_size() - 1);
  }
  ingest::v1::Offer Open(uint32_t number, const std::string& path) {
    return Open(OpenOf(number, path));
  }
  static Message ChunkOf(uint32_t number, uint64_t offset, const std::string& data,
                         uint64_t generation = 0) {
    Message message;
    ingest::v1::Slice* slice = message.mutable_chunk()->add_slices();
    slice->set_stream(number);
    slice->set_generation(generation);
    slice->set_offset(offset);
    slice->set_data(data);
    return message;
  }
  void Send(uint32_t number, uint64_t offset, const std::string& data, uint64_t generation = 0) {
    Say(ChunkOf(number, offset, data, generation));
  }
  void Drop() {
    site_->ingest->sessions()->OnClosed(id_, "the test cut it");
    site_->Run();
  }

  // The last message of a kind; null if there was none.
  const ingest::v1::CollectorMessage* Last(bool (ingest::v1::CollectorMessage::*has)()
                                               const) const {
    for (auto it = peer_->messages.rbegin(); it != peer_->messages.rend(); ++it) {
      if (((*it).*has)()) return &*it;
    }
    return nullptr;
  }
  size_t Count(bool (ingest::v1::CollectorMessage::*has)() const) const {
    size_t count = 0;
    for (const auto& message : peer_->messages) count += (message.*has)() ? 1 : 0;
    return count;
  }
  // Reason of the last refusal; UNSPECIFIED for none.
  ingest::v1::RefusalReason Refused() const {
    const auto* message = Last(&ingest::v1::CollectorMessage::has_refusal);
    return message == nullptr ? ingest::v1::REFUSAL_REASON_UNSPECIFIED
                              : message->refusal().reason();
  }
  std::string RefusalDetail() const {
    const auto* message = Last(&ingest::v1::CollectorMessage::has_refusal);
    return message == nullptr ? "" : message->refusal().detail();
  }
  // The highest offset acknowledged.
  uint64_t Received(uint32_t number) const { return Mark(number, false); }
  uint64_t Durable(uint32_t number) const { return Mark(number, true); }
  uint64_t CreditGiven() const {
    uint64_t bytes = 0;
    for (const auto& message : peer_->messages) {
      bytes += message.credit().bytes() + message.welcome().credit_bytes();
    }
    return bytes;
  }

 private:
  uint64_t Mark(uint32_t number, bool durable) const {
    uint64_t offset = 0;
    for (const auto& message : peer_->messages) {
      for (const auto& mark : durable ? message.acks().durable() : message.acks().received()) {
        if (mark.stream() == number) offset = std::max<uint64_t>(offset, mark.offset());
      }
    }
    return offset;
  }

  inline static int made_ = 0;
  IngestSite* const site_;
  const std::shared_ptr<CapturedPeer> peer_;
  ingest::v1::Hello hello_;
  SessionId id_;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_COLLECTOR_INGEST_INGEST_SITE_H_
