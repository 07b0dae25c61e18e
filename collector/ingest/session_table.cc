#include "collector/ingest/session_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace tributary {
namespace {

constexpr absl::Duration kConflictShownFor = absl::Minutes(10);
// How soon acks are tried again for a peer that is slow to read.
constexpr absl::Duration kFlushRetry = absl::Milliseconds(50);

}  // namespace

SessionTable::SessionTable(const Options& options, const Dependencies& dependencies)
    : options_(options), deps_(dependencies), pool_(options.credit) {
  context_.limits = options.limits;
  context_.store_id = options.store_id;
  context_.start_nonce = options.start_nonce;
  context_.collector_version = options.collector_version;
  context_.clock = deps_.clock;
  context_.streams = deps_.streams;
  context_.pool = &pool_;
  context_.delivery = deps_.delivery;
  context_.decisions = deps_.decisions;
  context_.host = this;
  context_.metrics = deps_.metrics;
  context_.log = deps_.log;
}

SessionTable::~SessionTable() = default;

SessionId SessionTable::Connect(std::shared_ptr<SessionPeer> peer) {
  const SessionId id(++last_id_);
  Session* const session =
      sessions_.emplace(id, std::make_unique<Session>(id, std::move(peer), &context_))
          .first->second.get();
  if (stopping_) session->SayGoodbye("the collector stops");
  return id;
}

void SessionTable::OnMessage(SessionId id, ingest::v1::AgentMessage message) {
  Session* const session = FindSession(id);
  if (session == nullptr) return;
  session->OnMessage(std::move(message));
  // It may be the sign of life that a newer session waits for.
  EvaluateAll();
}

void SessionTable::OnClosed(SessionId id, absl::string_view why) {
  if (Session* session = FindSession(id)) session->OnClosed(why);
}

Session* SessionTable::FindSession(SessionId id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

void SessionTable::OnEnded(Session* session) {
  const auto it = sessions_.find(session->id());
  CHECK(it != sessions_.end(), "Session ", session->id().value(), " ended twice.");
  candidates_.erase(session->id());
  flush_.erase(session->id());
  if (!session->node().empty()) {
    NodePast& past = past_[session->node()];
    past.agent_version = session->hello().agent_version();
    past.last_bytes = std::max(past.last_bytes, session->last_bytes());
  }
  // Its caller may be one of its own methods: it goes when this task is over.
  ended_.push_back(std::move(it->second));
  sessions_.erase(it);
  deps_.session->Post([this] {
    ended_.clear();
    // Whoever waited for it, or for its credit, goes on.
    EvaluateAll();
    PostFlush();
  });
}

const SessionTable::NodePast* SessionTable::PastOf(const std::string& node) const {
  const auto it = past_.find(node);
  return it == past_.end() ? nullptr : &it->second;
}

void SessionTable::ForEachLive(absl::FunctionRef<void(const Session&)> visit) const {
  for (const auto& [id, session] : sessions_) {
    if (session->state() == SessionState::kLive) visit(*session);
  }
}

// Watermarks.

void SessionTable::OnProgress(const StreamProgress& progress) {
  StreamEntry* const entry = deps_.streams->Find(progress.stream);
  if (entry == nullptr) return;
  deps_.streams->Take(entry, progress);
  if (Session* session = FindSession(entry->holder)) session->OnMoved(*entry);
}

void SessionTable::OnDurable(const std::vector<DurableAdvance>& advances,
                             const std::vector<PendingFill>& fills) {
  for (const DurableAdvance& advance : advances) {
    StreamEntry* const entry = deps_.streams->Find(advance.stream->id());
    if (entry == nullptr || entry->generation != advance.generation) continue;
    entry->durable = std::max(entry->durable, advance.durable);
    if (Session* session = FindSession(entry->holder)) session->OnMoved(*entry);
  }
  if (!advances.empty()) deps_.streams->Changed();
  if (!advances.empty() && !polling_full_ && std::exchange(full_told_, false)) {
    deps_.log->Info("the store can be written to again", {});
  }
  for (const PendingFill& fill : fills) {
    if (Session* session = FindSession(SessionId(fill.session))) {
      session->OnFillDurable(fill.number, fill.generation, fill.range);
    }
  }
}

void SessionTable::OnRewound(const std::shared_ptr<MirrorStream>& stream,
                             const StreamProgress& progress) {
  StreamEntry* const entry = deps_.streams->Find(stream->id());
  if (entry == nullptr) return;
  deps_.streams->Take(entry, progress);
  entry->failed = !stream->health().ok();
  if (Session* session = FindSession(entry->holder)) session->OnSealed(*entry);
}

// Time, credit.

void SessionTable::Tick() {
  std::vector<SessionId> ids;
  ids.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  for (const SessionId id : ids) {
    if (Session* session = FindSession(id)) session->Tick();
  }
  pool_.Tick();
  const absl::Duration now = deps_.clock->Monotonic();
  while (!past_conflicts_.empty() && now - past_conflicts_.front().at > kConflictShownFor) {
    past_conflicts_.pop_front();
    deps_.streams->Changed();
  }
  PostFlush();
}

void SessionTable::WantsFlush(Session* session) {
  if (session != nullptr) flush_.insert(session->id());
  PostFlush();
}

void SessionTable::PostFlush() {
  if (flush_posted_) return;
  flush_posted_ = true;
  // Behind what waits in the queue already: many answers become one message.
  deps_.session->Post([this] { Flush(); });
}

void SessionTable::Flush() {
  flush_posted_ = false;
  for (const CreditPool::Grant& grant : pool_.TakeGrants()) {
    if (Session* session = FindSession(grant.session)) session->GiveCredit(grant.bytes);
  }
  std::set<SessionId> later;
  for (const SessionId id : std::exchange(flush_, {})) {
    Session* const session = FindSession(id);
    if (session != nullptr && !session->Flush()) later.insert(id);
  }
  if (!later.empty()) {
    flush_.insert(later.begin(), later.end());
    flush_posted_ = true;
    deps_.session->PostAfter(kFlushRetry, [this] { Flush(); });
  }
  deps_.metrics->SetPool(pool_.reserved_bytes(), pool_.sessions());
  deps_.metrics->SetStreams(deps_.streams->size());
}

void SessionTable::OnStoreFull() {
  pool_.Pause();
  if (polling_full_) return;
  polling_full_ = true;
  deps_.metrics->SetStoreFull(true);
  // A disk may tell of space and refuse each write all the same: one line for all of it.
  if (!std::exchange(full_told_, true)) {
    deps_.log->Error(
        "the store has no space, or is read-only; agents wait, what is there is served", {});
  }
  deps_.session->PostAfter(absl::Seconds(1), [this] { PollFull(); });
}

void SessionTable::PollFull() {
  deps_.delivery->AskFull([this](bool full) {
    if (full) {
      deps_.session->PostAfter(absl::Seconds(1), [this] { PollFull(); });
      return;
    }
    polling_full_ = false;
    deps_.metrics->SetStoreFull(false);
    pool_.Resume();
    PostFlush();
  });
}

void SessionTable::Stop(const std::string& why) {
  stopping_ = true;
  std::vector<SessionId> ids;
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  for (const SessionId id : ids) {
    if (Session* session = FindSession(id)) session->SayGoodbye(why);
  }
}

std::vector<ConflictStatus> SessionTable::Conflicts() const {
  std::vector<ConflictStatus> conflicts;
  ForEachLive([&](const Session& session) {
    const std::string& wanted = session.hello().node().name();
    if (session.node() == wanted) return;
    conflicts.push_back({"name",
                         wanted,
                         {wanted, session.node()},
                         absl::StrCat("another machine of this name is ", session.node())});
  });
  for (const PastConflict& past : past_conflicts_) conflicts.push_back(past.status);
  return conflicts;
}

}  // namespace tributary
