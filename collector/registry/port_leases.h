// Which service of the cluster has which number, and who holds it: the leases, as a state machine
// over the registry and a clock.
//
//   free --Claim--> held (starting) --Listening--> held (live)
//   held --Release--> free
//   held --SessionLost, or not renewed in time--> stale --Claim of the same service--> held
//   stale --24 hours, or the number is needed--> free
//
// A lease belongs to (node, service), and one process at a time holds it. What follows from that:
//   - A number is given to one (node, service) only. It is given to another one when it was
//     released, or when its lease has run out and either the reservation is over too or no other
//     number of the wanted range is left.
//   - A service name of a node is held by one process. Another one that claims it gets `<name>~2`,
//     and the name itself once the session of the first is lost.
//   - A process that was started with its number (`listens_on`) keeps it, whoever else has it: a
//     listener is a fact. Both are listed as a conflict.
//   - One listener of a node is one service. A lease that nobody asked for (`found`) is not given
//     beside another one of its node and port, and is lost to one that comes later.
// After a restart of the collector every lease that was held waits for its process, untouched by
// others, for as long as a lease lives.
//
// Each change is one registry transaction that expects what this knows to be there, so that even
// two of these over one registry could not give one number twice. Expiry goes by the monotonic
// clock; the reservation is kept over restarts by the wall clock.
//
// Not thread-safe: on the `commit` queue, to which the registry belongs.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_PORT_LEASES_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_PORT_LEASES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "collector/registry/lease_row.h"
#include "collector/registry/registry.h"
#include "collector/registry/service_board.h"
#include "common/clock.h"

namespace tributary {

class PortLeases {
 public:
  struct Options {
    // How long a lease lives without being renewed.
    absl::Duration lease = absl::Seconds(60);
    // How long the number of a stale lease is kept for its service.
    absl::Duration reservation = absl::Hours(24);
    // Where numbers are looked for when a claim names no range of its own.
    uint16_t range_first = 6006;
    uint16_t range_last = 7005;
    // Leases of the whole cluster, stale ones included.
    size_t leases_max = 20'000;
  };

  // A process, through one of its sessions. `session` is not 0.
  struct Process {
    uint64_t session = 0;
    std::string node;
    std::string nonce;  // not empty; the same in each session of the process
    int64_t pid = 0;
  };
  // See proto/tributary/cluster/v1/cluster.proto for what each field means.
  struct Claim {
    uint32_t id = 0;
    std::string service;
    uint16_t wish = 0;
    uint16_t range_first = 0;
    uint16_t range_last = 0;
    bool fixed = false;
    ServiceMode mode = ServiceMode::kHost;
    std::set<uint16_t> taken = {};
    uint16_t listens_on = 0;
    std::string held_service = {};
    std::string command = {};
    std::string user = {};
    bool found = false;
    std::string base_path = {};
    int64_t pid = 0;  // 0: the process's
  };
  struct Grant {
    std::string service;
    uint16_t port = 0;  // 0 with out_of_range: the process must find one, and tell it by Listening
    bool out_of_range = false;
    std::string conflict = {};  // for people; empty if the wish was met
  };
  enum class RefusalReason { kPortTaken, kName, kLimit, kRegistered };
  struct Refusal {
    RefusalReason reason;
    std::string detail;  // for people
  };
  using Answer = std::variant<Grant, Refusal>;
  enum class ListeningAnswer {
    kLive,
    kLost,       // the lease ran out, or there is none
    kOtherPort,  // the lease is for another number
  };
  struct Lost {
    uint64_t session;
    uint32_t claim_id;
  };

  // Reads what the registry has. Rows that are damaged move to "damaged/": their services get
  // leases as new ones do. Where the registry has no room for that, it is done before the first
  // change that it has room for. `registry` and `clock` outlive this.
  static absl::StatusOr<std::unique_ptr<PortLeases>> Open(const Options& options,
                                                          Registry* registry, Clock* clock);

  // All errors below are the registry's, and have changed nothing here.

  // Gives a lease, or the same again; `received_at`, on the monotonic clock, is when its life
  // begins. The lease is durable when this returns.
  absl::StatusOr<Answer> Take(const Process& process, const Claim& claim,
                              absl::Duration received_at);
  absl::StatusOr<ListeningAnswer> Listening(uint64_t session, uint32_t claim_id, uint16_t port);
  // All leases of the session that had not run out when it asked. Returns those that had, which are
  // lost: it must be told of them before it is told that the others are renewed.
  std::vector<Lost> Renew(uint64_t session, absl::Duration received_at);
  // The number is free at once. OK if there is no such lease. After an error the lease is stale.
  absl::Status Release(uint64_t session, uint32_t claim_id);
  // All leases of the session become stale; the registry is told by the next Tick.
  void SessionLost(uint64_t session);
  // The collector's own port is leased to (node, "collector") for as long as this lives; a lease of
  // its own from an earlier start is replaced. Where there was no room, Tick tries again.
  absl::Status HoldOwn(const std::string& node, uint16_t port, int64_t pid);

  // Once a second: what ran out becomes stale, what was stale long enough is forgotten. Returns
  // the claims that ran out and were not returned yet: their sessions must be told.
  absl::StatusOr<std::vector<Lost>> Tick();

  // What people are shown: not the collector's own port.
  std::shared_ptr<const ServiceSnapshot> Snapshot() const;
  // Grows with each change that a snapshot shows.
  uint64_t version() const { return version_; }

 private:
  struct Lease {
    LeaseRow row;
    std::string stored;    // the registry's value
    uint64_t session = 0;  // 0: none
    bool own = false;      // the collector's
    bool listening = false;
    absl::Duration expires_at;
    absl::Duration reserved_until;  // of a stale one
    bool unsaved = false;           // it became stale, which the registry does not know yet
  };
  using Entry = std::map<LeaseKey, Lease>::value_type;
  struct Number {
    LeaseKey owner;
    std::string stored;
    // A process that lost the number to another one of its service, or with its session, may not
    // know it before. Until then no other service gets it, whether a lease has it or not.
    absl::Duration kept_until = -absl::InfiniteDuration();
  };
  // Changes that are committed together.
  struct Edit {
    std::map<LeaseKey, std::optional<LeaseRow>> leases;
    // More of Number::kept_until.
    std::map<uint16_t, absl::Duration> kept;
    // Numbers that nothing keeps any more.
    std::set<uint16_t> freed;
  };
  struct Choice {
    uint16_t port = 0;
    bool out_of_range = false;
    bool fixed_is_taken = false;
    std::optional<LeaseKey> evicted = std::nullopt;
  };

  PortLeases(const Options& options, Registry* registry, Clock* clock)
      : options_(options), registry_(registry), clock_(clock), opened_at_(clock->Wall()) {}

  absl::Status Load();
  // Each adds what is damaged to the repairs.
  absl::Status LoadLeases();
  absl::Status LoadNumbers();
  absl::Status Repair();
  absl::Status HoldOwn();
  absl::Status Commit(const Edit& edit);
  // What the edit means for one number: adds to the transaction and returns the number's new state.
  std::optional<Number> PlanNumber(uint16_t port, const Edit& edit, RegistryTransaction* out) const;
  std::set<LeaseKey> HoldersAfter(uint16_t port, const Edit& edit) const;

  std::optional<Refusal> Check(const Claim& claim) const;
  // The lease that the process has for the claim, in this session or an earlier one.
  const LeaseKey* FindOf(const Process& process, uint32_t claim_id) const;
  // Null if the session has no such lease.
  Entry* Find(uint64_t session, uint32_t claim_id);
  std::string ChooseName(const Process& process, const Claim& claim) const;
  static LeaseRow MakeRow(const Process& process, const Claim& claim, uint16_t port);
  // The held lease of the node, other than `key`, whose service listens on the port; null if there
  // is none.
  const LeaseKey* FindListener(const LeaseKey& key, uint16_t port) const;
  Choice ChooseNumber(const LeaseKey& key, bool same_process, const Claim& claim) const;
  // The stale lease that gives up its number first, of those in the range that the node can use.
  const LeaseKey* FindEvicted(const LeaseKey& key, uint16_t first, uint16_t last,
                              const Claim& claim) const;
  bool IsHeld(const Lease& lease) const;
  bool HasRunOut(const Lease& lease) const;
  // Whether no service but `key` has the number.
  bool IsFree(uint16_t port, const LeaseKey& key) const;
  void MakeStale(Lease* lease);
  // MakeStale, and its session is to be told.
  void Lose(Lease* lease);

  // For people.
  std::string Describe(const LeaseKey& key) const;
  std::string DescribeHolder(uint16_t port, const LeaseKey& besides) const;
  std::string ConflictLine(const LeaseKey& key) const;
  void AddConflicts(const LeaseKey& key, std::vector<ConflictStatus>* out) const;

  const Options options_;
  Registry* const registry_;
  Clock* const clock_;
  const absl::Time opened_at_;
  std::map<LeaseKey, Lease> leases_;
  // The leases that have a number; more than one where listeners are facts.
  std::map<uint16_t, std::set<LeaseKey>> by_port_;
  std::map<uint16_t, Number> numbers_;
  std::vector<Lost> lost_;
  // What Load found for which the registry had no room yet.
  RegistryTransaction repairs_;
  // The collector's own lease, until the registry has it.
  Edit own_;
  uint64_t version_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_PORT_LEASES_H_
