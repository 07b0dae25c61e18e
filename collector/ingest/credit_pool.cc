#include "collector/ingest/credit_pool.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace tributary {

uint64_t CreditPool::Reserved(const Share& share) const {
  return share.admitted ? std::max(options_.floor_bytes, Used(share)) : Used(share);
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
    share.owed = 0;
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
  share.held_least = std::min(share.held_least, share.held);
  // It used up what it held: it could use more.
  if (share.held < share.window / 4) {
    share.window = std::min(options_.session_bytes_max, share.window * 2);
  }
  QueueIfWanting(session, &share);
  return true;
}

CreditPool::Share* CreditPool::Land(SessionId session, uint64_t bytes) {
  if (bytes == 0) return nullptr;
  const auto it = shares_.find(session);
  CHECK(it != shares_.end(), "Session ", session.value(), " has nothing in flight.");
  Share& share = it->second;
  CHECK(share.in_flight >= bytes, "Session ", session.value(), " finishes ", bytes, " of ",
        share.in_flight, " bytes.");
  Update(&share, [&] { share.in_flight -= bytes; });
  if (share.admitted) return &share;
  if (share.in_flight == 0) shares_.erase(it);
  return nullptr;
}

void CreditPool::Finish(SessionId session, uint64_t bytes) {
  Share* const share = Land(session, bytes);
  if (share == nullptr) return;
  if (paused_) {
    share->to_be_told = true;
    QueueOwed(session, share);
  }
  QueueIfWanting(session, share);
}

void CreditPool::Refuse(SessionId session, uint64_t bytes) {
  Share* const share = Land(session, bytes);
  if (share == nullptr) return;
  Update(share, [&] { share->owed += bytes; });
  QueueOwed(session, share);
}

void CreditPool::Owe(SessionId session) {
  const auto it = shares_.find(session);
  if (it == shares_.end() || !it->second.admitted) return;
  it->second.to_be_told = true;
  QueueOwed(session, &it->second);
}

void CreditPool::QueueOwed(SessionId session, Share* share) {
  if (share->in_owed) return;
  share->in_owed = true;
  owed_.push_back(session);
}

bool CreditPool::Return(SessionId session, uint64_t bytes) {
  const auto it = shares_.find(session);
  if (it == shares_.end() || !it->second.admitted || it->second.held < bytes) return false;
  Share& share = it->second;
  Update(&share, [&] { share.held -= bytes; });
  share.window = std::max(options_.floor_bytes, Used(share));
  QueueIfWanting(session, &share);
  return true;
}

void CreditPool::Pause() { paused_ = true; }

void CreditPool::Resume() { paused_ = false; }

bool CreditPool::Wants(const Share& share) {
  // Not for every byte: a message of credit is worth it when half of the window is used.
  return !IsFilled(share) && share.held + share.owed <= share.window / 2;
}

bool CreditPool::IsFilled(const Share& share) {
  return !share.admitted || Used(share) >= share.window;
}

void CreditPool::QueueIfWanting(SessionId session, Share* share) {
  if (!Wants(*share)) return;
  if (Used(*share) < options_.floor_bytes) {
    if (share->in_floor_turns) return;
    share->in_floor_turns = true;
    floor_turns_.push_back(session);
  } else {
    if (share->in_turns) return;
    share->in_turns = true;
    turns_.push_back(session);
  }
}

bool CreditPool::GiveTurn(std::deque<SessionId>* turns, bool Share::* queued, Given* given) {
  while (!turns->empty()) {
    const SessionId session = turns->front();
    const auto it = shares_.find(session);
    if (it == shares_.end() || IsFilled(it->second)) {
      if (it != shares_.end()) it->second.*queued = false;
      turns->pop_front();
      continue;
    }
    Share& share = it->second;
    const uint64_t used = Used(share);
    const uint64_t wish = share.window - used;
    const uint64_t floor_left = used < options_.floor_bytes ? options_.floor_bytes - used : 0;
    // What is free for this one: the pool's rest, and the unused part of its own floor.
    const uint64_t room = options_.pool_bytes - reserved_bytes_ + floor_left;
    const uint64_t bytes = std::min({wish, room, options_.quantum_bytes});
    // No crumbs: chunks would get as small as they are, and stay so. A floor is given at any size.
    if (bytes < std::min(wish, options_.floor_bytes) && floor_left == 0) return false;
    Update(&share, [&] { share.held += bytes; });
    (*given)[session] += bytes;
    share.*queued = false;
    turns->pop_front();
    // Once it has its turn it is filled up, a turn after the other.
    if (!IsFilled(share) && !share.in_turns) {
      share.in_turns = true;
      turns_.push_back(session);
    }
    return true;
  }
  return false;
}

void CreditPool::GiveOwed(Given* given) {
  for (const SessionId session : owed_) {
    const auto it = shares_.find(session);
    if (it == shares_.end() || it->second.owed == 0) continue;
    Share& share = it->second;
    (*given)[session] += share.owed;
    Update(&share, [&] { share.held += std::exchange(share.owed, 0); });
  }
}

void CreditPool::TellOwed(Given* given) {
  for (const SessionId session : std::exchange(owed_, {})) {
    const auto it = shares_.find(session);
    if (it == shares_.end() || !it->second.admitted) continue;
    Share& share = it->second;
    share.in_owed = false;
    if (std::exchange(share.to_be_told, false) && !given->contains(session)) {
      if (reserved_bytes_ < options_.pool_bytes || Used(share) < options_.floor_bytes) {
        Update(&share, [&] { ++share.held; });
        (*given)[session] = 1;
      } else {
        share.to_be_told = true;
        QueueOwed(session, &share);
      }
    }
  }
}

std::vector<CreditPool::Grant> CreditPool::TakeGrants() {
  std::vector<Grant> grants;
  if (paused_) return grants;
  // Every turn brings a session nearer to its window, so this ends.
  Given given;
  GiveOwed(&given);
  while (GiveTurn(&floor_turns_, &Share::in_floor_turns, &given)) {
  }
  while (GiveTurn(&turns_, &Share::in_turns, &given)) {
  }
  TellOwed(&given);
  grants.reserve(given.size());
  for (const auto& [session, bytes] : given) grants.push_back({session, bytes});
  return grants;
}

void CreditPool::Tick() {
  for (auto& [session, share] : shares_) {
    // One that sent little because it held little is not idle: it waits for us.
    if (share.held_least >= share.window / 4) {
      share.window = std::max(options_.floor_bytes, share.window / 2);
    }
    share.held_least = share.held;
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
