#include "agent/commands/world.h"

#include "common/utf8.h"

namespace tributary::agent {

void PrintError(const World& world, absl::string_view message) {
  *world.err << "tributary-agent: " << ValidUtf8(message) << "\n";
  world.err->flush();
}

absl::StatusOr<NodeFacts> NodeOf(const AgentConfig& config, const World& world) {
  return ReadNodeFacts(config.node, world.host_name, world.environment, world.files);
}

RunNames::Options NamesOf(const AgentConfig& config, const NodeFacts& node, bool wraps_command,
                          const World& world) {
  return {.name_space = config.name_space,
          .labels = config.labels,
          .node = node,
          .job = ReadJobFacts(world.environment, wraps_command),
          .logdirs = config.logdirs};
}

RunNames::Dependencies NamesWorld(const World& world) {
  return {
      .files = world.files, .clock = world.clock, .log = world.log, .user_name = world.user_name};
}

ingest::v1::NodeFacts ToProto(const NodeFacts& node, const AgentConfig& config) {
  ingest::v1::NodeFacts proto;
  proto.set_name(ValidUtf8(node.node.value));
  proto.set_host_name(ValidUtf8(node.host_name));
  proto.set_machine_id(ValidUtf8(node.machine_id));
  proto.set_boot_id(ValidUtf8(node.boot_id));
  for (const auto& [key, fact] : config.labels) {
    (*proto.mutable_labels())[ValidUtf8(key)] = ValidUtf8(fact.value);
  }
  return proto;
}

}  // namespace tributary::agent
