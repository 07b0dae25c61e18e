// Which bytes and questions go to the collector next, and what its answers mean for each file.
#ifndef TRIBUTARY_AGENT_DELIVERY_H_
#define TRIBUTARY_AGENT_DELIVERY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/agent.h"
#include "agent/asset_sender.h"
#include "agent/batcher.h"
#include "agent/follower.h"
#include "agent/progress.h"
#include "agent/stream_table.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/eventfile/tailer.h"
#include "common/log.h"
#include "common/random.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// The state of every stream. It sends nothing itself: the sender asks for the next message whenever
// the transport takes one, so whatever is sent is as fresh as can be, and nothing queues up.
//
// The number of a stream is the id of its file. A session that ends costs nothing: what the
// collector did not receive is read from the file again.
//
// Work per call is bounded by what changed, never by the number of files; only the start of a
// session or a drain, and the reports, walk all of them.
//
// Not thread-safe. Owned by the agent.
class Delivery {
 public:
  struct Options {
    std::vector<std::string> logdir_names;  // by root
    uint64_t chunk_bytes_max = 512u << 10;
    // A larger side file is not followed.
    uint64_t asset_bytes_max = 256u << 20;
    absl::Duration overwritten_retry = absl::Hours(1);
    absl::Duration refused_retry = absl::Hours(1);
    absl::Duration store_failed_retry = absl::Seconds(60);
    // Credit beyond the first is given back after so long without anything to send.
    absl::Duration credit_return = absl::Seconds(5);
  };
  struct Dependencies {
    Tailer* tailer;  // all outlive this
    Follower* follower;
    Clock* clock;
    Random* random;
    Logger* log;
    RunNamer namer;
  };

  Delivery(const Options& options, Dependencies dependencies);

  // --- The files.

  // What Tailer::Poll returned. Warns of directories that cannot be listed.
  void OnChanged(const std::vector<TailedFileId>& ids);
  // Does what is due by time alone.
  void RunTimers();
  absl::Duration next_timer() const;

  // --- The session.

  // A session began. `same_collector`: the store and the run of the collector are those of the
  // session before.
  void Begin(const ingest::v1::Welcome& welcome, bool same_collector);
  void End();
  void OnOffers(const ingest::v1::OfferBatch& batch);
  void OnCredit(const ingest::v1::Credit& credit);
  void OnAcks(const ingest::v1::Acks& acks);
  void OnFillAck(const ingest::v1::FillAck& ack);
  void OnAssetAck(const ingest::v1::AssetAck& ack);
  // About one stream.
  void OnRefusal(const ingest::v1::Refusal& refusal);
  // The next message, if there is one to be sent now. Only within a session.
  std::optional<ingest::v1::AgentMessage> NextMessage();
  // When NextMessage has one by waiting alone; infinite if never.
  absl::Duration next_message() const;

  // --- Ending.

  // Everything that is present now is to become durable. `and_listing`: the listings are told too.
  void StartDrain(bool and_listing);
  bool draining() const { return draining_; }
  // What was to be drained is durable, or cannot become so by waiting.
  bool drained() const;

  // Fills in what is known here. Walks all files.
  void AddTo(Progress* progress) const;
  std::vector<FileLeft> Left(size_t limit) const;

 private:
  using Timer = std::pair<absl::Duration, TailedFileId>;
  using AgentMessage = ingest::v1::AgentMessage;

  const TailedFile& file(TailedFileId id) const { return deps_.tailer->file(id); }
  uint64_t file_size(TailedFileId id) const { return file(id).stat.size_bytes; }
  bool is_asset(TailedFileId id) const { return streams_.at(id).asset; }
  absl::Duration now() const { return deps_.clock->Monotonic(); }
  std::string PathOf(TailedFileId id) const;

  // In delivery_assets.cc.
  // It exists, and is to be delivered.
  bool Present(TailedFileId id) const;
  uint64_t AssetBytesMax() const;
  // Bytes of the present file that the collector has, and that are durable there.
  uint64_t ReceivedOf(TailedFileId id) const;
  uint64_t DurableOf(TailedFileId id) const;
  // The first `size_bytes` of an accepted file are durable; of a side file: what is there now, or
  // what a drain made of it.
  bool IsWhole(TailedFileId id, uint64_t size_bytes) const;
  void OnAssetOffer(TailedFileId id, const ingest::v1::Offer& offer);
  // This collector takes no side files.
  void GiveUpAssets();
  void NoteSize(TailedFileId id);
  uint64_t AssetRoom() const;
  std::optional<AgentMessage> NextAssetPart();

  // In delivery.cc: files, bytes and answers about them.
  void TellUnlisted();
  void OnFileChanged(TailedFileId id);
  void OnLiveChanged(TailedFileId id);
  void Revisit(TailedFileId id);
  void AddTimer(absl::Duration due, TailedFileId id) { timers_.emplace(due, id); }
  void SetState(TailedFileId id, StreamState state, absl::string_view why);
  void QueueBytes(TailedFileId id);
  void LookAtRanges(TailedFileId id);
  Batcher::Block ReadBlock(TailedFileId id, uint64_t bytes_max);
  Batcher::Room RoomNow() const;
  // Nothing is to be sent, and nothing is on its way.
  bool Idle() const;
  void UpdateBehind(TailedFileId id);
  void UpdateDrain(TailedFileId id);
  std::optional<AgentMessage> NextChunk();
  std::optional<AgentMessage> NextFill();
  std::optional<AgentMessage> NextListing();
  std::optional<AgentMessage> NextCreditReturn();

  // In delivery_opens.cc: opening, comparing, and what goes wrong with a stream.
  void QueueOpen(TailedFileId id, bool first);
  std::optional<AgentMessage> NextOpens();
  // Makes room for other streams: those of files that are gone. nullopt if there are none, or it
  // was asked a moment ago.
  std::optional<AgentMessage> CloseGone();
  absl::Status AddOpen(TailedFileId id, ingest::v1::OpenBatch* batch);
  void OnOffer(const ingest::v1::Offer& offer);
  // Says once that there are runs whose kept names are not what the template gives now.
  void CompareRun(TailedFileId id, const ingest::v1::Offer& offer);
  // The answer to NewGeneration came. False if none was awaited.
  bool EndRenewal(TailedFileId id);
  void CompareWithOffer(TailedFileId id, const ingest::v1::Offer& offer);
  void Accept(TailedFileId id, const ingest::v1::Offer& offer);
  void GoLive(TailedFileId id);
  void Ask(TailedFileId id, uint64_t offset);
  void Reopen(TailedFileId id, absl::string_view why);
  void StartNewGeneration(TailedFileId id, absl::string_view cause);
  void Report(TailedFileId id, ingest::v1::SourceState state, absl::string_view detail);
  void MarkGone(TailedFileId id);
  void Block(TailedFileId id, const absl::Status& error);
  // Opens it again after `delay`, or, if that is zero, after a backoff that grows with each try.
  void Defer(TailedFileId id, absl::Duration delay, absl::string_view why, bool hopeless);
  void DeferRefused(TailedFileId id, ingest::v1::RefusalReason reason, absl::string_view detail);
  absl::Duration RetryDelay(int tries);

  const Options options_;
  const Dependencies deps_;

  StreamTable streams_;
  AssetSender assets_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;

  // Of the present session.
  bool in_session_ = false;
  bool same_collector_ = false;
  std::string node_;
  ingest::v1::Limits limits_;
  uint64_t credit_ = 0;
  uint64_t first_credit_ = 0;
  // The most that was held and in flight together: what the collector lets this agent have.
  uint64_t window_peak_ = 0;
  absl::Duration busy_at_;
  Batcher batcher_;
  std::deque<TailedFileId> open_queue_;
  uint64_t opening_ = 0;                            // streams of the batch that are not answered
  std::map<TailedFileId, std::string> asked_runs_;  // of those
  std::deque<TailedFileId> fill_queue_;
  std::deque<AgentMessage> control_;
  std::vector<bool> listed_;       // by root: ListingComplete was sent
  bool assets_refused_ = false;    // an older collector
  bool told_streams_max_ = false;  // in this session
  absl::Duration next_close_;      // when CloseGone looks again
  bool assets_turn_ = false;       // the last payload was a chunk

  bool draining_ = false;
  bool drain_listing_ = false;

  // Since the process started.
  bool told_kept_run_ = false;
  uint64_t sent_bytes_total_ = 0;
  uint64_t chunks_sent_total_ = 0;
  uint64_t fills_sent_total_ = 0;
  uint64_t new_generations_total_ = 0;
  uint64_t refusals_total_ = 0;
};

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DELIVERY_H_
