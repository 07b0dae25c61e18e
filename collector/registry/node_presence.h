// Which machines are here under which node name. A machine may be here several times: as an agent,
// and as processes with services. All of them have one name, and no two machines have the same.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_NODE_PRESENCE_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_NODE_PRESENCE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace tributary {

struct Machine {
  // Empty where the machine does not tell.
  std::string machine_id;
  std::string boot_id;
};

// Whether it is one machine that has not restarted in between. A process in a sandbox may know
// neither id: then equal names, which are all there is, make them the same.
bool IsSameMachine(const Machine& a, const Machine& b);

class NodePresence;

// A session's presence; it ends with this.
class NodeHold {
 public:
  NodeHold() = default;
  NodeHold(NodeHold&& other) noexcept : state_(std::move(other.state_)) {}
  NodeHold& operator=(NodeHold&& other) noexcept;
  ~NodeHold() { Reset(); }

  // Empty for one that holds nothing.
  const std::string& name() const;
  // The session gave a sign of life. Thread-safe with all of NodePresence.
  void Heard(absl::Duration now);
  void Reset();

 private:
  friend class NodePresence;
  struct State;
  explicit NodeHold(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Thread-safe. Outlives its holds.
class NodePresence {
 public:
  // Agents are asked for a sign of life by whoever keeps their sessions, before Enter; of processes
  // with services this finds out itself.
  enum class Kind { kAgent, kService };
  struct Wish {
    std::string name;
    Machine machine;
    Kind kind = Kind::kAgent;
    // An agent of another machine has the name and was found alive.
    bool is_live_elsewhere = false;
    // Asks this session for a sign of life. Must not call back. May be null.
    std::function<void()> probe = nullptr;
  };
  // As Store::AssignNode.
  using Assign = std::function<absl::StatusOr<std::string>(
      absl::string_view wanted, const Machine& machine, bool wanted_is_live_elsewhere)>;

  // How recent a sign of life must be for a session to count as alive, and how long one that was
  // asked may take.
  explicit NodePresence(absl::Duration sign_of_life = absl::Seconds(5))
      : sign_of_life_(sign_of_life) {}

  // Gives the machine its name, and notes that it is here. Every call by one thread (that of
  // `assign`), so that two machines that come at once are told apart. Errors: those of `assign`;
  // Unavailable if somebody who may be dead has the name: it was asked, try again in a moment.
  absl::StatusOr<NodeHold> Enter(Wish wish, const Assign& assign, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The name that the machine would be given if it came now as an agent. As whoever keeps their
  // sessions does, this asks agents of other machines for a sign of life: what they said before
  // proves nothing. Notes nothing, and `choose` must not either. Errors and thread as of Enter.
  absl::StatusOr<std::string> Foresee(std::string name, Machine machine, const Assign& choose,
                                      absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class NodeHold;
  enum class Others { kNone, kLive, kUnknown };
  // What is taken for an agent's sign of life.
  enum class Proof { kRecentWord, kAnswer };
  void Leave(const NodeHold::State* state) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::string> NameFor(const Wish& wish, Proof proof, const Assign& assign,
                                      absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);
  // What is known of other machines under the name; those that were silent are asked.
  Others FindOthers(absl::string_view name, const Wish& wish, Proof proof, absl::Duration now) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // The name under which the machine is here, if it wished for the same.
  std::optional<std::string> NameOf(const Wish& wish) const ABSL_LOCKS_EXCLUDED(mu_);

  const absl::Duration sign_of_life_;
  mutable Mutex mu_;
  // By name.
  std::multimap<std::string, std::shared_ptr<NodeHold::State>, std::less<>> here_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_NODE_PRESENCE_H_
