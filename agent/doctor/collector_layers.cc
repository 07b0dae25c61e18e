// The layers of a collector that answers: is it the right one, and can it take anything?
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/doctor/http_answer.h"
#include "agent/doctor/layer.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

// Clocks further apart than this are shown as a fault everywhere.
constexpr absl::Duration kClockOffsetMax = absl::Seconds(5);

std::optional<std::pair<int, int>> MajorMinor(absl::string_view version) {
  const std::vector<absl::string_view> parts = absl::StrSplit(version, '.');
  std::pair<int, int> numbers;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &numbers.first) ||
      !absl::SimpleAtoi(parts[1], &numbers.second)) {
    return std::nullopt;
  }
  return numbers;
}

}  // namespace

Finding CheckGrpc(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "grpc";
  const absl::Time before = senses.clock->Wall();
  auto described = senses.describe_collector();
  const absl::Time after = senses.clock->Wall();
  if (described.ok()) {
    const absl::Duration half = (after - before) / 2;
    evidence->clock_offset = before + half - absl::FromUnixNanos(described->clock_unix_nanos());
    evidence->clock_uncertainty = half;
    evidence->collector = *std::move(described);
    return Ok(kLayer, "the collector answers");
  }
  const std::string message(described.status().message());
  const absl::Status nobody =
      absl::IsUnimplemented(described.status()) ? senses.describe_nobody() : absl::OkStatus();
  if (absl::IsNotFound(nobody) || absl::IsFailedPrecondition(nobody)) {
    return Fails(kLayer, "the collector answers, and is too old to tell more of itself",
                 "update the collector: it must be at least as new as its agents");
  }
  if (absl::IsUnimplemented(nobody)) {
    return Fails(kLayer, absl::StrCat(TargetText(target), " answers gRPC, and is no collector"),
                 "give the address that the collector prints");
  }
  if (absl::StrContains(message, "name cannot be resolved")) {
    return Fails(
        kLayer,
        absl::StrCat("gRPC's own resolver does not find ", target.host,
                     ", which the system does: ", message),
        absl::StrCat(
            "give an address instead of a name",
            evidence->addresses.empty() ? "" : absl::StrCat(" (", evidence->addresses.front(), ")"),
            ", or set GRPC_DNS_RESOLVER=native"));
  }
  return Fails(kLayer,
               absl::StrCat("HTTP/1.1 passes and HTTP/2 does not (", message,
                            "): a reverse proxy or load balancer is between"),
               "give agents the address of the collector itself, or let the proxy pass HTTP/2 "
               "(nginx: grpc_pass)");
}

Finding CheckToken(const Target&, const Senses&, Evidence*) {
  return NotConfigured("token", "this version has none");
}

Finding CheckStore(const Target& target, const Senses&, Evidence* evidence) {
  constexpr char kLayer[] = "store";
  const std::string& id = evidence->collector->store_id();
  if (id.empty()) {
    if (!target.delivers && target.store.empty()) {
      return Ok(kLayer, "none: it serves its own --logdir and takes nothing from agents");
    }
    return Fails(kLayer, "the collector has no store: it takes nothing from agents",
                 "start it with --data DIR");
  }
  if (!target.store.empty() && target.store != id) {
    return Fails(
        kLayer, absl::StrCat("the store there is ", id, ", not ", target.store, " as --store says"),
        absl::StrCat("another collector has this address: correct --collector; if its "
                     "store was made anew, --store ",
                     id));
  }
  return Ok(kLayer, id);
}

Finding CheckVersion(const Target& target, const Senses&, Evidence* evidence) {
  constexpr char kLayer[] = "version";
  const std::string& theirs = evidence->collector->collector_version();
  const std::string both = absl::StrCat("collector ", theirs, ", agent ", target.own_version);
  const auto collector = MajorMinor(theirs);
  const auto agent = MajorMinor(target.own_version);
  if (!collector.has_value() || !agent.has_value() || *collector == *agent) return Ok(kLayer, both);
  if (*agent > *collector) {
    return Warns(kLayer, absl::StrCat(both, ": only the reverse is sure to work"),
                 "update the collector first, then the agents");
  }
  const bool next = collector->first == agent->first && collector->second == agent->second + 1;
  if (next) return Ok(kLayer, both);
  return Warns(kLayer, absl::StrCat(both, ": the agent is more than one version behind"),
               "update the agent");
}

Finding CheckClock(const Target&, const Senses&, Evidence* evidence) {
  constexpr char kLayer[] = "clock";
  const absl::Duration offset = evidence->clock_offset;
  const absl::Duration least = absl::AbsDuration(offset) - evidence->clock_uncertainty;
  const bool before = offset > absl::ZeroDuration();
  // Finer than that nothing was measured.
  if (least <= absl::Milliseconds(1)) return Ok(kLayer, "agrees with the collector's");
  const std::string found = absl::StrCat(
      "this machine's is ",
      absl::FormatDuration(absl::Floor(absl::AbsDuration(offset), absl::Milliseconds(1))),
      before ? " before" : " behind", " the collector's");
  if (least <= kClockOffsetMax) return Ok(kLayer, found);
  return Fails(kLayer, absl::StrCat(found, ": points of this node have wrong times in charts"),
               "let both machines follow one time server (chronyc tracking, timedatectl)");
}

Finding CheckReady(const Target&, const Senses&, Evidence* evidence) {
  const std::string& not_ready = evidence->collector->not_ready();
  if (!not_ready.empty()) {
    return Warns("ready", absl::StrCat("not everything is served yet: ", not_ready),
                 "wait; /readyz tells when all is there");
  }
  const auto& problems = evidence->collector->logdir_problems();
  if (problems.empty()) return Ok("ready", "everything it has is served");
  return Warns("ready", absl::StrJoin(problems, "; "),
               "correct the --logdir of the collector, or let its user read what is below (chmod, "
               "setfacl); where nothing was written yet, wait for the training");
}

Finding CheckPage(const Target& target, const Senses& senses, Evidence* evidence) {
  constexpr char kLayer[] = "page";
  constexpr int kMisdirected = 421;
  if (!evidence->endpoint.has_value()) return NotTried(kLayer, "not asked for through a proxy");
  const std::string path = absl::StrCat(evidence->collector->path_prefix(), "/");
  const auto connection = senses.network->Connect(*evidence->endpoint, target.timeout);
  if (!connection.ok()) {
    return Fails(kLayer, std::string(connection.status().message()), "try again");
  }
  const auto bytes =
      Ask(connection->get(), GetRequest(TargetText(target), path, target.own_version),
          {.head_only = true});
  const auto answer = bytes.ok() ? ParseHttpAnswer(*bytes) : std::nullopt;
  if (!answer.has_value())
    return Fails(kLayer, absl::StrCat(path, " is not answered"), "try again");
  if (answer->status == 200) return Ok(kLayer, absl::StrCat(path, " opens"));
  if (answer->status == kMisdirected) {
    evidence->name_refused = true;
    return Fails(
        kLayer,
        absl::StrCat("browsers are refused by the name ", target.host,
                     ", which the collector does not know as its own; agents are not"),
        absl::StrCat("start it with --allowed_hosts ", target.host, ", or open it by its address"));
  }
  return Fails(kLayer, absl::StrCat(path, " is answered by ", answer->status),
               "see the log of the collector");
}

Finding CheckDisk(const Target&, const Senses&, Evidence* evidence) {
  constexpr char kLayer[] = "disk";
  const auto& collector = *evidence->collector;
  if (collector.store_id().empty()) return NotTried(kLayer, "it has no store");
  if (!collector.has_space()) return NotTried(kLayer, "the collector's system does not tell");
  const uint64_t free = collector.space().free_bytes();
  const uint64_t free_min = collector.space().free_min_bytes();
  const std::string found = absl::StrCat(HumanBytes(free), " free, limit ", HumanBytes(free_min));
  if (free >= free_min) return Ok(kLayer, found);
  return Fails(kLayer,
               absl::StrCat("the collector's disk is full (", found,
                            "): it takes nothing from agents, which wait"),
               absl::StrCat("free space on the file system of its --data on ",
                            collector.host_name(), ", or lower --data-free-min"));
}

}  // namespace tributary::agent
