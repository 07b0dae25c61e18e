#include "collector/ingest/credit_pool.h"

#include <algorithm>

#include "common/check.h"

namespace tributary {

uint64_t CreditPool::Reserved(const Share& share) const {
  const uint64_t used = share.held + share.in_flight;
  return share.admitted ? std::max(options_.floor_bytes, used) : used;
}

template <typename Change>
void CreditPool::Update(Share* share, Change change) {
  reserved_bytes_ -= Reserved(*share);
  change();
  reserved_bytes_ += Reserved(*share);
  CHECK(reserved_bytes_ <= options_.pool_bytes, "Reserved ", reserved_bytes_, " of ",
        options_.pool_bytes, " bytes.");
}

bool CreditPool::Admit(SessionId session) {
  if ((admitted_ + 1) * options_.floor_bytes > options_.pool_bytes / 2 ||
      reserved_bytes_ + options_.floor_bytes > options_.pool_bytes) {
    return false;
  }
  Share share;
  share.held = options_.floor_bytes;
  share.window = options_.floor_bytes;
  const bool added = shares_.emplace(session, share).second;
  CHECK(added, "Session ", session.value(), " was admitted twice.");
  reserved_bytes_ += options_.floor_bytes;
  ++admitted_;
  return true;
}

void CreditPool::Release(SessionId session) {
  const auto it = shares_.find(session);
  if (it == shares_.end() || !it->second.admitted) return;
  Share& share = it->second;
  Update(&share, [&] {
    share.held = 0;
    share.admitted = false;
  });
  --admitted_;
  if (share.in_flight == 0) shares_.erase(it);
}

bool CreditPool::Spend(SessionId session, uint64_t bytes) {
  const auto it = shares_.find(session);
  if (it == shares_.end() || !it->second.admitted || it->second.held < bytes) return false;
  Share& share = it->second;
  Update(&share, [&] {
    share.held -= bytes;
    share.in_flight += bytes;
  });
  share.spent_since_tick += bytes;
  // It used up what it held: it could use more.
  if (share.held < share.window / 4) {
    share.window = std::min(options_.session_bytes_max, share.window * 2);
  }
  QueueIfWanting(session, &share);
  return true;
}

void CreditPool::Finish(SessionId session, uint64_t bytes) {
  const auto it = shares_.find(session);
  CHECK(it != shares_.end(), "Session ", session.value(), " has nothing in flight.");
  Share& share = it->second;
  CHECK(share.in_flight >= bytes, "Session ", session.value(), " finishes ", bytes, " of ",
        share.in_flight, " bytes.");
  Update(&share, [&] { share.in_flight -= bytes; });
  if (!share.admitted) {
    if (share.in_flight == 0) shares_.erase(it);
    return;
  }
  if (paused_) share.owed = true;
  QueueIfWanting(session, &share);
}

bool CreditPool::Return(SessionId session, uint64_t bytes) {
  const auto it = shares_.find(session);
  if (it == shares_.end() || !it->second.admitted || it->second.held < bytes) return false;
  Share& share = it->second;
  Update(&share, [&] { share.held -= bytes; });
  share.window = std::max(options_.floor_bytes, share.held + share.in_flight);
  QueueIfWanting(session, &share);
  return true;
}

void CreditPool::Pause() { paused_ = true; }

void CreditPool::Resume() { paused_ = false; }

bool CreditPool::Wants(const Share& share) const {
  if (!share.admitted) return false;
  if (share.owed) return true;
  // Not for every byte: a message of credit is worth it when half of the window is used.
  return share.held + share.in_flight < share.window && share.held <= share.window / 2;
}

void CreditPool::QueueIfWanting(SessionId session, Share* share) {
  if (!Wants(*share)) return;
  if (share->held + share->in_flight < options_.floor_bytes) {
    if (share->in_floor_turns) return;
    share->in_floor_turns = true;
    floor_turns_.push_back(session);
  } else {
    if (share->in_turns) return;
    share->in_turns = true;
    turns_.push_back(session);
  }
}

bool CreditPool::GiveTurn(std::deque<SessionId>* turns, bool Share::* queued,
                          absl::flat_hash_map<SessionId, uint64_t>* given) {
  while (!turns->empty()) {
    const SessionId session = turns->front();
    const auto it = shares_.find(session);
    if (it == shares_.end() || !Wants(it->second)) {
      if (it != shares_.end()) it->second.*queued = false;
      turns->pop_front();
      continue;
    }
    Share& share = it->second;
    const uint64_t used = share.held + share.in_flight;
    uint64_t wish = used < share.window ? share.window - used : 0;
    if (share.owed) wish = std::max<uint64_t>(wish, 1);
    // What is free for this one: the pool's rest, and the unused part of its own floor.
    const uint64_t room = options_.pool_bytes - reserved_bytes_ +
                          (used < options_.floor_bytes ? options_.floor_bytes - used : 0);
    const uint64_t bytes = std::min({wish, room, options_.quantum_bytes});
    if (bytes == 0) return false;
    Update(&share, [&] { share.held += bytes; });
    share.owed = false;
    (*given)[session] += bytes;
    share.*queued = false;
    turns->pop_front();
    QueueIfWanting(session, &share);
    return true;
  }
  return false;
}

std::vector<CreditPool::Grant> CreditPool::TakeGrants() {
  std::vector<Grant> grants;
  if (paused_) return grants;
  // Every turn brings a session nearer to its window, so this ends.
  absl::flat_hash_map<SessionId, uint64_t> given;
  while (GiveTurn(&floor_turns_, &Share::in_floor_turns, &given)) {
  }
  while (GiveTurn(&turns_, &Share::in_turns, &given)) {
  }
  grants.reserve(given.size());
  for (const auto& [session, bytes] : given) grants.push_back({session, bytes});
  return grants;
}

void CreditPool::Tick() {
  for (auto& [session, share] : shares_) {
    if (share.spent_since_tick < share.window / 2) {
      share.window = std::max(options_.floor_bytes, share.window / 2);
    }
    share.spent_since_tick = 0;
  }
}

uint64_t CreditPool::held_bytes(SessionId session) const {
  const auto it = shares_.find(session);
  return it == shares_.end() ? 0 : it->second.held;
}

uint64_t CreditPool::in_flight_bytes(SessionId session) const {
  const auto it = shares_.find(session);
  return it == shares_.end() ? 0 : it->second.in_flight;
}

}  // namespace tributary
