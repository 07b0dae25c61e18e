// All connections of agents, and what happens between them: who may come in, who is alive, who gets
// credit, whom a watermark concerns.
//
// Coming in (see design of names): an agent that came back replaces its own older session. A live
// session of another machine with the same node name makes the newer one the next `<node>~2`; one
// that follows the same logdir name of the node refuses it. Whether the older one lives is found
// out by a ping: unanswered for `ping_wait`, it is ended and the newer one takes over. What a
// killed agent had sent before does not count as an answer.
//
// Not thread-safe: on the session queue.
#ifndef TRIBUTARY_COLLECTOR_INGEST_SESSION_TABLE_H_
#define TRIBUTARY_COLLECTOR_INGEST_SESSION_TABLE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "collector/ingest/credit_pool.h"
#include "collector/ingest/delivery.h"
#include "collector/ingest/session.h"
#include "collector/ingest/session_peer.h"
#include "collector/ingest/stream_table.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/node_presence.h"
#include "common/task_queue.h"

namespace tributary {

class SessionTable : public SessionHost {
 public:
  struct Options {
    SessionLimits limits;
    CreditPool::Options credit;
    std::string store_id;
    std::string start_nonce;
    std::string collector_version;
  };
  // All outlive this, and every task that is posted.
  struct Dependencies {
    Clock* clock;
    TaskQueue* session;
    Delivery* delivery;
    StreamTable* streams;
    const RunDecisionBoard* decisions;
    IngestMetrics* metrics;
    Logger* log;
  };

  SessionTable(const Options& options, const Dependencies& dependencies);
  ~SessionTable() override;

  // A connection was made. It is told of by its id from now on.
  SessionId Connect(std::shared_ptr<SessionPeer> peer);
  void OnMessage(SessionId id, ingest::v1::AgentMessage message);
  // The connection is over; its peer is let go.
  void OnClosed(SessionId id, absl::string_view why);

  // From the commit cycle.
  void OnDurable(const std::vector<DurableAdvance>& advances,
                 const std::vector<PendingFill>& fills);
  void OnRewound(const std::shared_ptr<MirrorStream>& stream, const StreamProgress& progress);

  // Once a second: heartbeats, dead peers, shrinking windows.
  void Tick();
  // No new sessions; a Goodbye to each that is there.
  void Stop(const std::string& why);

  void ForEachLive(absl::FunctionRef<void(const Session&)> visit) const;
  // All credit that agents hold or have used for bytes that are on their way.
  uint64_t reserved_bytes() const { return pool_.reserved_bytes(); }
  // What ended sessions of a node leave behind.
  struct NodePast {
    std::string agent_version;
    absl::Time last_bytes = absl::InfinitePast();
  };
  // Null if no session of the node has ended.
  const NodePast* PastOf(const std::string& node) const;
  // Names that were wanted twice: by sessions now, and refusals of the last ten minutes.
  std::vector<ConflictStatus> Conflicts() const;

  // SessionHost:
  void OnHello(Session* session) override;
  void OnEnded(Session* session) override;
  Session* FindSession(SessionId id) override;
  void WantsFlush(Session* session) override;
  void OnProgress(const StreamProgress& progress) override;
  void OnStoreFull() override;

 private:
  // A session in state checking.
  struct Candidate {
    struct Ping {
      absl::Duration at;
      uint64_t number;  // of the pinged session
    };
    std::map<SessionId, Ping> pings;
    NodeHold node;                 // the registry's answer; holds nothing before it
    bool live_elsewhere = false;   // another machine holds the wanted name and lives
    bool asked_elsewhere = false;  // as it was when the registry was asked
    bool asking = false;           // the registry's answer is awaited
  };
  enum class Verdict { kWaiting, kAlive, kNobody };

  // Goes on with the checks of a candidate as far as they can go now.
  void Evaluate(SessionId id);
  void EvaluateAll();
  // The last check: room.
  void Admit(Session* session, NodeHold node);
  // Whether another machine that wants the same name is being let in just now.
  bool NameIsBeingGiven(const Session& session) const;
  void AskNode(Session* session, Candidate* candidate);
  void OnNode(SessionId id, absl::StatusOr<NodeHold> node);
  // Whether one of the live sessions that `conflicts` picks answers; those that do not are ended.
  // kAlive sets *holder.
  Verdict PingHolders(Session* session, Candidate* candidate,
                      absl::FunctionRef<bool(const Session&)> conflicts, Session** holder);
  void RefuseCandidate(Session* session, ingest::v1::RefusalReason reason,
                       const std::string& wanted, const Session& holder, const std::string& detail);
  // Ends older sessions of the same process.
  void ReplaceOlder(const Session& session);

  void PostFlush();
  void Flush();
  void PollFull();

  struct PastConflict {
    absl::Duration at;
    ConflictStatus status;
  };

  const Options options_;
  const Dependencies deps_;
  CreditPool pool_;
  SessionContext context_;

  uint64_t last_id_ = 0;
  // Ordered, as is flush_: the order in which sessions are served follows from what happened, so a
  // simulation repeats.
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::map<SessionId, Candidate> candidates_;
  std::vector<std::unique_ptr<Session>> ended_;  // until the present task is over
  std::set<SessionId> flush_;
  bool flush_posted_ = false;
  bool polling_full_ = false;
  bool full_told_ = false;  // in the log, until something has become durable again
  bool stopping_ = false;
  std::deque<PastConflict> past_conflicts_;
  absl::flat_hash_map<std::string, NodePast> past_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_SESSION_TABLE_H_
