#include "agent/commands/connect.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/connect/local_port.h"
#include "common/atomic_file.h"

namespace tributary::agent {
namespace {

// Clients wait meanwhile.
constexpr absl::Duration kStoreTimeout = absl::Seconds(5);

// Whether what answers has another store than --store says. A collector that is away says nothing
// about that.
absl::Status CheckStore(const AgentConfig& config, const World& world) {
  if (config.store.empty()) return absl::OkStatus();
  const auto collector =
      world.describe_collector(config, ingest::v1::DescribeCollectorRequest(),
                               std::min(config.values.connect_timeout, kStoreTimeout));
  if (!collector.ok()) {
    PrintError(world, absl::StrCat("--store was not compared: ", collector.status().message()));
    return absl::OkStatus();
  }
  if (collector->store_id() == config.store) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the collector at ", config.collector,
                                                    " has the store ", collector->store_id(),
                                                    ", not ", config.store, " as --store says"));
}

}  // namespace

int ConnectCommand(const AgentConfig& config, const World& world) {
  if (const absl::Status store = CheckStore(config, world); !store.ok()) {
    PrintError(world, store.message());
    return kExitFailed;
  }
  const auto local = world.open_local_port(config);
  if (!local.ok()) {
    PrintError(world, local.status().message());
    return kExitFailed;
  }
  *world.out << "listening on " << absl::StrJoin((*local)->addresses(), " and ") << ", leads to "
             << config.collector << " (Press CTRL+C to quit)\n";
  world.out->flush();
  if (!config.values.port_file.empty()) {
    const absl::Status written = WriteFileAtomically(world.files, config.values.port_file,
                                                     absl::StrCat((*local)->port(), "\n"));
    if (!written.ok()) {
      PrintError(world, absl::StrCat("--port-file: ", written.message()));
      return kExitFailed;
    }
  }
  for (;;) {
    const auto signal = world.signals->Wait(absl::InfiniteDuration());
    if (signal.has_value() && AsksToEnd(*signal)) break;
  }
  return kExitGood;
}

}  // namespace tributary::agent
