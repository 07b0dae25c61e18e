// The part of SessionTable that decides who comes in.
#include <utility>

#include "absl/strings/str_cat.h"
#include "collector/ingest/session_table.h"

namespace tributary {
namespace {

constexpr size_t kConflictsMax = 100;

using ingest::v1::NodeFacts;

Machine MachineOf(const NodeFacts& facts) { return {facts.machine_id(), facts.boot_id()}; }

bool SameMachine(const NodeFacts& a, const NodeFacts& b) {
  return IsSameMachine(MachineOf(a), MachineOf(b));
}

// The logdir of `held` whose name `wanted` has too; null if there is none.
const ingest::v1::Logdir* CommonLogdir(const ingest::v1::Hello& held,
                                       const ingest::v1::Hello& wanted) {
  for (const ingest::v1::Logdir& mine : held.logdirs()) {
    for (const ingest::v1::Logdir& other : wanted.logdirs()) {
      if (mine.name() == other.name()) return &mine;
    }
  }
  return nullptr;
}

// Why `wanted` must not follow `common`, which `held` follows, and what to do about it.
std::string LogdirTaken(const std::string& node, const ingest::v1::Hello& held,
                        const ingest::v1::Logdir& common, const ingest::v1::Hello& wanted) {
  const std::string holder =
      absl::StrCat("pid ", held.pid(), " of ", node, " follows ", common.path());
  for (const ingest::v1::Logdir& other : wanted.logdirs()) {
    // Under another name, every run of it would be there twice.
    if (other.name() == common.name() && other.path() == common.path()) {
      return absl::StrCat(holder, " already: one agent is enough for it");
    }
  }
  return absl::StrCat(holder,
                      common.name().empty() ? " as the logdir without a name"
                                            : absl::StrCat(" as '", common.name(), "'"),
                      ": stop it, or give --logdir NAME=PATH with another name");
}

// Whether a session that was pinged at `at` and did not answer by now lives all the same: an agent
// that knows no pings, or whose answer waits behind a long chunk on a slow link. What was on its
// way when its agent died has come long before.
bool StillTalks(const Session& session, absl::Duration at, absl::Duration ping_wait) {
  return session.heard_at() > at + ping_wait / 4;
}

}  // namespace

void SessionTable::OnHello(Session* session) {
  candidates_[session->id()] = Candidate();
  ReplaceOlder(*session);
  Evaluate(session->id());
}

void SessionTable::ReplaceOlder(const Session& session) {
  std::vector<SessionId> older;
  for (const auto& [id, other] : sessions_) {
    if (id != session.id() && other->state() != SessionState::kConnected &&
        other->hello().agent_nonce() == session.hello().agent_nonce() &&
        SameMachine(other->hello().node(), session.hello().node())) {
      older.push_back(id);
    }
  }
  for (const SessionId id : older) {
    if (Session* other = FindSession(id)) other->End("the same agent connected again");
  }
}

void SessionTable::EvaluateAll() {
  if (candidates_.empty()) return;
  std::vector<SessionId> ids;
  ids.reserve(candidates_.size());
  for (const auto& [id, candidate] : candidates_) ids.push_back(id);
  for (const SessionId id : ids) Evaluate(id);
}

SessionTable::Verdict SessionTable::PingHolders(Session* session, Candidate* candidate,
                                                absl::FunctionRef<bool(const Session&)> conflicts,
                                                Session** holder) {
  const absl::Duration now = deps_.clock->Monotonic();
  const absl::Duration ping_wait = options_.limits.ping_wait;
  Verdict verdict = Verdict::kNobody;
  std::vector<Session*> silent;
  for (const auto& [id, other] : sessions_) {
    if (other.get() == session || other->state() != SessionState::kLive) continue;
    if (!conflicts(*other)) continue;
    const auto [it, is_new] = candidate->pings.emplace(id, Candidate::Ping{now, 0});
    if (is_new) {
      it->second.number = other->Ping();
      deps_.session->PostAfter(ping_wait, [this, waiting = session->id()] { Evaluate(waiting); });
      verdict = Verdict::kWaiting;
    } else if (other->pong() >= it->second.number) {
      *holder = other.get();
      return Verdict::kAlive;
    } else if (now - it->second.at >= ping_wait) {
      if (StillTalks(*other, it->second.at, ping_wait)) {
        *holder = other.get();
        return Verdict::kAlive;
      }
      silent.push_back(other.get());
    } else {
      verdict = Verdict::kWaiting;
    }
  }
  for (Session* other : silent) {
    other->End("no answer to a ping; a newer session takes over");
  }
  return verdict;
}

void SessionTable::Evaluate(SessionId id) {
  const auto found = candidates_.find(id);
  Session* const session = FindSession(id);
  if (found == candidates_.end() || session == nullptr || found->second.asking) return;
  Candidate* const candidate = &found->second;
  const ingest::v1::Hello& hello = session->hello();
  const std::string& name =
      candidate->node.name().empty() ? hello.node().name() : candidate->node.name();

  // 1. Another machine under this name.
  Session* holder = nullptr;
  const auto other_machine = [&](const Session& other) {
    return other.node() == name && !SameMachine(other.hello().node(), hello.node());
  };
  switch (PingHolders(session, candidate, other_machine, &holder)) {
    case Verdict::kWaiting:
      return;
    case Verdict::kAlive:
      if (candidate->node.name().empty() ||
          (name == hello.node().name() && !candidate->asked_elsewhere)) {
        candidate->live_elsewhere = true;
        AskNode(session, candidate);
      } else {
        RefuseCandidate(session, ingest::v1::REFUSAL_REASON_NODE_TAKEN, hello.node().name(),
                        *holder,
                        absl::StrCat("two live machines have the name '", hello.node().name(),
                                     "' and one machine id: give --node"));
      }
      return;
    case Verdict::kNobody:
      break;
  }
  // 2. The store's name for the machine. One machine of a name after the other: whether it lives
  // elsewhere is known of those that are in.
  if (candidate->node.name().empty()) {
    if (NameIsBeingGiven(*session)) return;
    AskNode(session, candidate);
    return;
  }
  // 3. Another agent of the node with one of these logdirs.
  const auto same_logdir = [&](const Session& other) {
    return other.node() == candidate->node.name() && CommonLogdir(other.hello(), hello) != nullptr;
  };
  switch (PingHolders(session, candidate, same_logdir, &holder)) {
    case Verdict::kWaiting:
      return;
    case Verdict::kAlive: {
      const ingest::v1::Logdir& held = *CommonLogdir(holder->hello(), hello);
      RefuseCandidate(session, ingest::v1::REFUSAL_REASON_LOGDIR_TAKEN,
                      absl::StrCat(candidate->node.name(), " logdir '", held.name(), "'"), *holder,
                      LogdirTaken(candidate->node.name(), holder->hello(), held, hello));
      return;
    }
    case Verdict::kNobody:
      break;
  }
  Admit(session, std::move(candidate->node));
}

void SessionTable::Admit(Session* session, NodeHold node) {
  if (!pool_.Admit(session->id())) {
    session->Refuse(ingest::v1::REFUSAL_REASON_BUSY,
                    absl::StrCat("the collector has ", pool_.sessions(),
                                 " agents and no memory for more: raise --ingest-memory"));
    return;
  }
  candidates_.erase(session->id());
  session->Accept(std::move(node));
  // Another machine of the name may have waited for the outcome.
  EvaluateAll();
}

bool SessionTable::NameIsBeingGiven(const Session& session) const {
  const NodeFacts& wanted = session.hello().node();
  for (const auto& [id, candidate] : candidates_) {
    if (id == session.id() || (!candidate.asking && candidate.node.name().empty())) continue;
    const NodeFacts& other = sessions_.at(id)->hello().node();
    if (other.name() == wanted.name() && !SameMachine(other, wanted)) return true;
  }
  return false;
}

void SessionTable::AskNode(Session* session, Candidate* candidate) {
  candidate->asking = true;
  candidate->asked_elsewhere = candidate->live_elsewhere;
  const NodeFacts& facts = session->hello().node();
  const SessionId id = session->id();
  NodePresence::Wish wish;
  wish.name = facts.name();
  wish.machine = MachineOf(facts);
  wish.kind = NodePresence::Kind::kAgent;
  wish.is_live_elsewhere = candidate->live_elsewhere;
  wish.probe = [this, id] {
    deps_.session->Post([this, id] {
      if (Session* asked = FindSession(id)) asked->Ping();
    });
  };
  // For the second time: the first answer holds no more.
  candidate->node.Reset();
  deps_.delivery->EnterNode(
      std::move(wish), [this, id](absl::StatusOr<NodeHold> node) { OnNode(id, std::move(node)); });
}

void SessionTable::OnNode(SessionId id, absl::StatusOr<NodeHold> node) {
  const auto found = candidates_.find(id);
  Session* const session = FindSession(id);
  if (found == candidates_.end() || session == nullptr) return;
  found->second.asking = false;
  if (node.ok()) {
    found->second.node = *std::move(node);
    Evaluate(id);
    return;
  }
  const bool taken = absl::IsAlreadyExists(node.status());
  session->Refuse(taken ? ingest::v1::REFUSAL_REASON_NODE_TAKEN : ingest::v1::REFUSAL_REASON_BUSY,
                  std::string(node.status().message()));
}

void SessionTable::RefuseCandidate(Session* session, ingest::v1::RefusalReason reason,
                                   const std::string& wanted, const Session& holder,
                                   const std::string& detail) {
  PastConflict past;
  past.at = deps_.clock->Monotonic();
  past.status.kind = "name";
  past.status.wanted = wanted;
  for (const Session* one : {&holder, static_cast<const Session*>(session)}) {
    past.status.holders.push_back(absl::StrCat(one->hello().node().name(), " pid ",
                                               one->hello().pid(), " at ", one->address()));
  }
  past.status.resolution = absl::StrCat("the later one is refused: ", detail);
  // A refused agent tries again and again: one line for all of it.
  std::erase_if(past_conflicts_, [&](const PastConflict& other) {
    return other.status.wanted == past.status.wanted &&
           other.status.resolution == past.status.resolution;
  });
  past_conflicts_.push_back(std::move(past));
  if (past_conflicts_.size() > kConflictsMax) past_conflicts_.pop_front();
  deps_.streams->Changed();
  session->Refuse(reason, detail);
}

}  // namespace tributary
