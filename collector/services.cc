#include "collector/services.h"

#include <unistd.h>

#include <utility>

#include "common/status_macros.h"

namespace tributary {
namespace {

gateway::ServiceSessions::Options SessionOptions(const Services::Options& options,
                                                 const Store& store) {
  gateway::ServiceSessions::Options result;
  result.store_id = store.store_id();
  result.start_nonce = options.start_nonce;
  result.collector_version = options.collector_version;
  result.path_prefix = options.path_prefix;
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Services>> Services::Open(const Options& options,
                                                         const Dependencies& dependencies) {
  ASSIGN_OR_RETURN(std::unique_ptr<PortLeases> leases,
                   PortLeases::Open({}, dependencies.registry, dependencies.clock));
  return std::unique_ptr<Services>(new Services(options, dependencies, std::move(leases)));
}

Services::Services(const Options& options, const Dependencies& dependencies,
                   std::unique_ptr<PortLeases> leases)
    : deps_(dependencies),
      leases_(std::move(leases)),
      metrics_(deps_.metrics),
      sessions_(SessionOptions(options, *deps_.store),
                {.clock = deps_.clock,
                 .random = deps_.random,
                 .commit = deps_.commit,
                 .leases = leases_.get(),
                 .nodes = deps_.nodes,
                 .assign_node =
                     [store = deps_.store](absl::string_view wanted, const Machine& machine,
                                           bool elsewhere) {
                       return store->AssignNode(wanted, machine.machine_id, machine.boot_id,
                                                elsewhere);
                     },
                 .board = deps_.board,
                 .metrics = &metrics_,
                 .log = deps_.log,
                 .on_fatal = deps_.on_fatal}),
      calls_(gateway::MakeGrpcServices(&sessions_, deps_.commit, deps_.clock)) {}

void Services::Listening(const std::string& node, uint16_t port, const std::string& origin) {
  deps_.commit->Post(
      [this, node, port, origin] { sessions_.SetOwn(node, port, getpid(), origin); });
}

void Services::Stop(const std::string& why) {
  deps_.commit->Post([this, why] { sessions_.Stop(why); });
}

}  // namespace tributary
