// Bounds the memory that all agents together can take: no byte is on its way without a credit for
// it, and all credits come from one pool.
//
// A session's share is what it may still send (held), what it sent and we have not put away (in
// flight), and what was refused and is to be given back (owed). Each admitted session has at least
// the floor reserved for it. The rest goes by demand: a session that uses up half of its window is
// filled up again, in turns of one quantum with the others that want more. Its window doubles while
// it goes on using up what it holds, and halves with each Tick in which it left most of it unused.
// The sum of all shares, each counted as at least the floor, never exceeds the pool.
//
// Not thread-safe. Owned by the session table.
#ifndef TRIBUTARY_COLLECTOR_INGEST_CREDIT_POOL_H_
#define TRIBUTARY_COLLECTOR_INGEST_CREDIT_POOL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "common/types.h"

namespace tributary {

// Counts the connections of one run of the collector, from 1.
using SessionId = Named<struct SessionIdTag, uint64_t>;

class CreditPool {
 public:
  struct Options {
    // All shares together, in bytes. At least twice floor_bytes.
    uint64_t pool_bytes = 256u << 20;
    // Reserved for each session: a flush of scalars needs no round trip. At most half of the pool
    // is reserved so, which bounds the sessions.
    uint64_t floor_bytes = 8u << 10;
    // Most that one session's share grows to. At least floor_bytes.
    uint64_t session_bytes_max = 4u << 20;
    // Most that is given in one turn.
    uint64_t quantum_bytes = 512u << 10;
  };
  struct Grant {
    SessionId session;
    uint64_t bytes = 0;
  };

  explicit CreditPool(const Options& options) : options_(options) {}

  // A new session, which holds the floor from now on. False if the pool has no room for one more.
  bool Admit(SessionId session);
  // The session ended: what it holds comes back now, what is in flight as Finish tells.
  void Release(SessionId session);

  // The agent sent so many bytes. False, and nothing changes, if it does not hold as many.
  bool Spend(SessionId session, uint64_t bytes);
  // So many bytes in flight were put away.
  void Finish(SessionId session, uint64_t bytes);
  // So many bytes in flight were refused: exactly these are granted again, window or not.
  void Refuse(SessionId session, uint64_t bytes);
  // The session was told to go on when credit comes: it is granted at least a byte once the pool is
  // not paused.
  void Owe(SessionId session);
  // The agent gives back credit that it will not use. False if it does not hold as much.
  bool Return(SessionId session, uint64_t bytes);

  // While paused nothing is given: the store has no room. After it, each session that spent
  // something meanwhile, or is owed, is given at least one byte, so that it knows.
  void Pause();
  void Resume();
  bool paused() const { return paused_; }

  // Gives what can be given now. Each grant must be told to its agent.
  std::vector<Grant> TakeGrants();
  // Once a second: windows of sessions that left most of what they held unused shrink.
  void Tick();

  uint64_t floor_bytes() const { return options_.floor_bytes; }
  // Sum of the shares: never more than pool_bytes.
  uint64_t reserved_bytes() const { return reserved_bytes_; }
  uint64_t held_bytes(SessionId session) const;
  uint64_t in_flight_bytes(SessionId session) const;
  uint64_t sessions() const { return admitted_; }

 private:
  struct Share {
    uint64_t held = 0;
    uint64_t in_flight = 0;
    uint64_t owed = 0;
    uint64_t window = 0;
    uint64_t held_least = 0;  // since the last tick
    bool admitted = true;
    bool in_turns = false;
    bool in_floor_turns = false;
    bool in_owed = false;
    bool to_be_told = false;  // is given at least a byte once the pool is not paused
  };
  static uint64_t Used(const Share& share) { return share.held + share.in_flight + share.owed; }
  using Given = std::map<SessionId, uint64_t>;
  uint64_t Reserved(const Share& share) const;
  // Takes bytes out of flight. Null for a session that ended; its share goes with the last of them.
  Share* Land(SessionId session, uint64_t bytes);
  // Runs `change` on the share and keeps reserved_bytes_ right.
  template <typename Change>
  void Update(Share* share, Change change);
  // Whether a message of credit is worth it.
  static bool Wants(const Share& share);
  // Whether there is nothing more to give to it.
  static bool IsFilled(const Share& share);
  void QueueOwed(SessionId session, Share* share);
  void QueueIfWanting(SessionId session, Share* share);
  // Gives one turn to the front of `turns`. False if there is nobody, or no room.
  bool GiveTurn(std::deque<SessionId>* turns, bool Share::* queued, Given* given);
  // What was refused.
  void GiveOwed(Given* given);
  // A byte for those that are to be told and were given nothing.
  void TellOwed(Given* given);

  const Options options_;
  // Ordered, so that a simulation repeats.
  std::map<SessionId, Share> shares_;
  // Who waits for its turn. What is owed is reserved already. Those below the floor have room by
  // right and wait for nobody else.
  std::deque<SessionId> turns_;
  std::deque<SessionId> floor_turns_;
  std::vector<SessionId> owed_;
  uint64_t reserved_bytes_ = 0;
  uint64_t admitted_ = 0;
  bool paused_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INGEST_CREDIT_POOL_H_
