// A collector for the agent's tests: keeps mirrors in memory, follows the rules of the protocol,
// checks that the agent does, and misbehaves when told to.
#ifndef TRIBUTARY_TESTS_AGENT_FAKE_COLLECTOR_H_
#define TRIBUTARY_TESTS_AGENT_FAKE_COLLECTOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/transport.h"
#include "common/task_queue.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// Not thread-safe: on one ManualTaskQueue, as the agent. Whatever the agent does wrong (more than
// its credit, a chunk above its limit, two messages at once) fails the test.
class FakeCollector : public Transport {
 public:
  // What is kept of one stream.
  struct Mirror {
    uint64_t generation = 0;
    std::string bytes;
    uint64_t durable = 0;
    std::vector<std::string> superseded;
    ingest::v1::SourceState state = ingest::v1::SOURCE_STATE_LIVE;
    std::vector<std::pair<uint64_t, uint64_t>> unfilled;  // offset, length
    // Of a side file: the version that `bytes` are, and the one that is coming.
    bool is_asset = false;
    std::optional<ingest::v1::AssetVersion> version;
    ingest::v1::AssetVersion coming;
    std::string coming_bytes;
    int versions = 0;
    bool dropping = false;  // parts, until one at offset 0
  };

  explicit FakeCollector(TaskQueue* queue);

  // --- How it behaves; may be changed at any time.
  ingest::v1::Limits limits;
  uint64_t first_credit = 4u << 20;
  bool give_credit_back = true;
  bool acknowledge_received = true;
  bool acknowledge_durable = true;
  bool answer_opens = true;
  // False: an older collector, which refuses to open side files.
  bool takes_assets = true;
  bool acknowledge_parts = true;
  bool acknowledge_assets = true;
  // Called with each part before it is looked at.
  std::function<void(const ingest::v1::AssetPart&)> on_part;
  // The next parts are refused for this reason, so many times.
  ingest::v1::RefusalReason refuse_parts = ingest::v1::REFUSAL_REASON_UNSPECIFIED;
  int refuse_parts_times = 0;
  // Says nothing any more, as a peer behind a cut cable.
  bool mute = false;
  // While false a connection cannot be made.
  bool reachable = true;
  // Answers Hello only when AnswerHello is called.
  bool hold_welcome = false;
  // A goodbye ends the session before the agent hears that it was sent.
  bool goodbye_overtakes_sent = false;
  // Answers Hello with this instead of Welcome.
  std::optional<ingest::v1::Refusal> refuse_hello;
  // Slices of the next chunks are refused for this reason, so many times.
  ingest::v1::RefusalReason refuse_slices = ingest::v1::REFUSAL_REASON_UNSPECIFIED;
  int refuse_slices_times = 0;
  std::string store_id = "store";
  std::string start_nonce = "start-1";
  // Changes an offer before it is sent.
  std::function<void(ingest::v1::Offer*)> change_offer;

  // --- What others do.
  // The connection breaks; nothing that was not told is told any more.
  void Break();
  // The agent's process is gone.
  void AgentDied();
  // Another run of the collector: what was not durable is lost, the nonce is a new one.
  void Restart();
  void SendToAgent(ingest::v1::CollectorMessage message);
  void GiveCredit(uint64_t bytes);
  void AnswerHello();
  // Acknowledges what was held back by acknowledge_*.
  void AcknowledgeAll();

  // --- What it saw.
  Mirror& mirror(const std::string& path) { return mirrors_[{"", path}]; }
  bool Has(const std::string& path) const { return mirrors_.contains({"", path}); }
  bool connected() const { return events_ != nullptr && !closing_; }
  int connects() const { return connects_; }
  const ingest::v1::Hello& hello() const { return hello_; }
  // Of all sessions, in order.
  const std::vector<ingest::v1::AgentMessage>& messages() const { return messages_; }
  std::vector<const ingest::v1::AgentMessage*> Messages(
      ingest::v1::AgentMessage::MessageCase kind) const;
  int Count(ingest::v1::AgentMessage::MessageCase kind) const {
    return static_cast<int>(Messages(kind).size());
  }
  uint64_t payload_bytes() const { return payload_bytes_; }
  uint64_t credit() const { return credit_; }

  void Connect(TransportEvents* events) override;
  void Send(ingest::v1::AgentMessage message) override;
  void Close() override;

 private:
  using Key = std::pair<std::string, std::string>;  // logdir name, path

  void Tell(std::function<void(TransportEvents*)> what);
  void CloseWith(absl::Status status);
  void OnHello(const ingest::v1::Hello& hello);
  void OnOpens(const ingest::v1::OpenBatch& batch);
  ingest::v1::Offer MakeOffer(uint32_t stream, const Mirror& mirror,
                              std::optional<uint64_t> ask_offset);
  void OnChunk(const ingest::v1::Chunk& chunk);
  void OnSlice(const ingest::v1::Slice& slice);
  void OnFill(const ingest::v1::Fill& fill);
  void OnAssetPart(const ingest::v1::AssetPart& part);
  void TakePart(const ingest::v1::AssetPart& part, Mirror* kept);
  void OnNewGeneration(const ingest::v1::NewGeneration& message);
  void Refuse(uint32_t stream, ingest::v1::RefusalReason reason);
  void Acknowledge(uint32_t stream, const Mirror& mirror);
  void Spend(uint64_t bytes);
  Mirror* Find(uint32_t stream);

  TaskQueue* const queue_;
  std::map<Key, Mirror> mirrors_;

  // Of the present connection.
  TransportEvents* events_ = nullptr;
  uint64_t connection_ = 0;  // tasks of an older one do nothing
  bool sending_ = false;
  bool closing_ = false;
  std::map<uint32_t, Key> open_;
  uint64_t credit_ = 0;

  int connects_ = 0;
  ingest::v1::Hello hello_;
  std::vector<ingest::v1::AgentMessage> messages_;
  uint64_t payload_bytes_ = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_TESTS_AGENT_FAKE_COLLECTOR_H_
