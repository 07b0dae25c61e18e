// One connection of one agent, from its first message to its end.
//
//   connected --Hello--> checking --Welcome--> live --> ended
//   Any state can end: a refusal, silence, a Goodbye, the connection's end.
//
// Whatever the agent says is checked against what this side knows: the state, the limits, the
// credit it holds, the streams that it opened and still holds.
//
// Not thread-safe: on the session queue, where nothing waits and nothing touches a file.
#ifndef TRIBUTARY_COLLECTOR_INGEST_SESSION_H_
#define TRIBUTARY_COLLECTOR_INGEST_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "collector/ingest/credit_pool.h"
#include "collector/ingest/delivery.h"
#include "collector/ingest/message_check.h"
#include "collector/ingest/metrics.h"
#include "collector/ingest/session_peer.h"
#include "collector/ingest/stream_table.h"
#include "collector/registry/run_decisions.h"
#include "common/clock.h"
#include "common/log.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

class Session;

// What a session needs of the set of all sessions.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // Hello passed the checks that need no other session. The host answers with Accept or Refuse,
  // now or later.
  virtual void OnHello(Session* session) = 0;
  // The session ended; it is not used after the present task.
  virtual void OnEnded(Session* session) = 0;
  // Null if it has ended.
  virtual Session* FindSession(SessionId id) = 0;
  // Session::Flush is to be called before long.
  virtual void WantsFlush(Session* session) = 0;
  // A stream got further.
  virtual void OnProgress(const StreamProgress& progress) = 0;
  // The store refused bytes for want of space.
  virtual void OnStoreFull() = 0;
};

// What all sessions share; everything outlives them.
struct SessionContext {
  SessionLimits limits;
  std::string store_id;
  std::string start_nonce;
  std::string collector_version;
  Clock* clock = nullptr;
  StreamTable* streams = nullptr;
  CreditPool* pool = nullptr;
  Delivery* delivery = nullptr;
  const RunDecisionBoard* decisions = nullptr;
  SessionHost* host = nullptr;
  IngestMetrics* metrics = nullptr;
  Logger* log = nullptr;
};

enum class SessionState { kConnected, kChecking, kLive, kEnded };

class Session {
 public:
  Session(SessionId id, std::shared_ptr<SessionPeer> peer, const SessionContext* context);

  void OnMessage(ingest::v1::AgentMessage message);
  // The connection is gone.
  void OnClosed(absl::string_view why) { End(why); }

  // Answers of the host to OnHello.
  void Accept(NodeHold node);
  // Tells the agent and ends the session.
  void Refuse(ingest::v1::RefusalReason reason, const std::string& detail);

  // The collector stops: tells the agent and ends the session.
  void SayGoodbye(const std::string& why);
  // Ends the session without a word: the peer is dead, or the same agent came back.
  void End(absl::string_view why);

  // A newer session, or another number of this one, writes the stream now.
  void LoseStream(uint32_t number, const std::string& detail);
  // A watermark of the entry, which this session holds, moved.
  void OnMoved(const StreamEntry& entry);
  // The store went back to the entry's durable bytes.
  void OnSealed(const StreamEntry& entry);
  void OnFillDurable(uint32_t number, Generation generation, ByteRange range);

  // Sends the acks that have gathered, unless the peer has enough to read already. True if nothing
  // is left.
  bool Flush();
  void GiveCredit(uint64_t bytes);
  // Asks for a sign of life. Returns the number that the answer will have: see pong().
  uint64_t Ping();
  // Heartbeat if due; ends a session that is silent for too long.
  void Tick();

  SessionId id() const { return id_; }
  SessionState state() const { return state_; }
  // After Hello.
  const ingest::v1::Hello& hello() const { return hello_; }
  const std::string& node() const { return node_; }  // after Accept
  std::string address() const { return peer_->address(); }
  // Number of the last ping that was answered; 0 for none.
  uint64_t pong() const { return pong_; }
  // When the last message came. No proof of life: a dead agent's last words may come late.
  absl::Duration heard_at() const { return heard_at_; }
  absl::Duration clock_offset() const { return clock_offset_; }
  absl::Time last_bytes() const { return last_bytes_; }
  size_t open_streams() const { return open_.size(); }

 private:
  struct OpenStream {
    StreamEntry* entry = nullptr;
    bool offered = false;  // before that nothing may be sent for it
    uint64_t rewinds = 0;  // of the stream, when it was offered
    Generation acked_generation;
    uint64_t acked_received = 0;
    uint64_t acked_durable = 0;
    bool renewing = false;  // NewGeneration is unanswered
    bool dirty = false;     // in dirty_
  };
  // An OpenBatch on its way: one place for each Open, in order.
  struct Batch {
    struct Place {
      uint32_t number = 0;
      std::optional<uint64_t> ask_offset;
      ingest::v1::Open open;
      std::optional<MessageRefusal> refusal;
      StreamEntry* entry = nullptr;
      bool is_new = false;
    };
    std::vector<Place> places;
  };
  // What an OpenBatch asks the store for, by kind.
  struct Requests {
    std::vector<StreamRequest> events;
    std::vector<StreamRequest> assets;
    size_t size() const { return events.size() + assets.size(); }
  };

  // The one place where the state changes.
  void SetState(SessionState to, absl::string_view why);
  void Send(ingest::v1::CollectorMessage message);
  void RefuseStream(ingest::v1::RefusalReason reason, const std::string& detail, uint32_t number,
                    std::optional<uint64_t> wanted_offset = std::nullopt);

  void OnHello(ingest::v1::Hello hello);
  void OnLiveMessage(ingest::v1::AgentMessage message);
  void OnHeartbeat(const ingest::v1::Heartbeat& heartbeat);
  void SendHeartbeat(uint64_t ping);

  void OnOpenBatch(ingest::v1::OpenBatch batch);
  std::optional<MessageRefusal> CheckPlace(const ingest::v1::Open& open, size_t opens_before);
  void AddPlace(ingest::v1::Open open, Batch* batch, Requests* requests, bool first_of_path);
  void OnStreams(std::shared_ptr<Batch> batch, absl::StatusOr<Delivery::Opened> opened);
  // The store could open nothing.
  void OnNoStreams(Batch* batch, const absl::Status& why);
  void OnOffers(std::shared_ptr<Batch> batch, std::vector<StreamOffer> offers);
  void SendOffers(const Batch& batch, const std::vector<StreamOffer>& offers);
  // Makes this session the one that writes the stream, under `number`.
  void Hold(StreamEntry* entry, uint32_t number);
  void LetGo(uint32_t number);
  // Null if the stream is not open, or not offered yet; FindEvents: or is no event file.
  OpenStream* FindOffered(uint32_t number);
  OpenStream* FindEvents(uint32_t number);
  // Why the shard's offer cannot be made; nullopt if it can.
  std::optional<MessageRefusal> CheckOffer(const StreamEntry& entry, const StreamOffer& offer);
  void TakeOffer(uint32_t number, const StreamOffer& offer);

  // Whether so many more orders may wait at shards. If not, `bytes` of credit are used up and the
  // session is refused.
  bool MayBeInFlight(uint64_t slices, uint64_t bytes);
  void OnChunk(ingest::v1::Chunk chunk);
  // All slices belong to streams of the one shard.
  void Append(int shard, std::vector<ShardSlice> slices);
  void OnAppended(AppendResult result);
  void OnFill(ingest::v1::Fill fill);

  // In session_assets.cc.
  void OnAssetPart(ingest::v1::AssetPart part);
  void OnAssetTaken(const AssetVersion& version, const AssetResult& result, uint32_t number,
                    StreamId asset);
  void OnAssetInstalled(const AssetVersion& version, const absl::Status& status, uint32_t number,
                        StreamId asset);
  // Whether the asset is open under the number still.
  bool HasAsset(uint32_t number, StreamId asset);
  void SendAssetAck(uint32_t number, const AssetVersion& version, uint64_t received_bytes,
                    bool durable);

  void OnNewGeneration(const ingest::v1::NewGeneration& request);
  void OnGeneration(uint32_t number, StreamEntry* entry, Delivery::NewGeneration result);
  void OnStreamReport(const ingest::v1::StreamReport& report);
  void OnListingComplete(const ingest::v1::ListingComplete& listing);
  void OnCloseStreams(const ingest::v1::CloseStreams& close);

  const SessionId id_;
  const std::shared_ptr<SessionPeer> peer_;
  const SessionContext* const context_;

  SessionState state_ = SessionState::kConnected;
  ingest::v1::Hello hello_;
  NodeHold hold_;
  std::string node_;  // stays when the hold has ended
  absl::flat_hash_map<uint32_t, OpenStream> open_;
  std::vector<uint32_t> dirty_;
  bool batch_under_way_ = false;
  uint64_t slices_in_flight_ = 0;  // fills and parts of side files too
  bool sent_assets_ = false;

  uint64_t pings_ = 0;
  uint64_t pong_ = 0;
  absl::Duration heard_at_;
  absl::Duration sent_at_;
  absl::Duration clock_offset_;
  absl::Time last_bytes_ = absl::InfinitePast();
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_SESSION_H_
