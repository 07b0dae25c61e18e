// What the collector has of the files of this node, and whose agent brings it.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "agent/doctor/node_layers.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

struct Delivered {
  size_t durable = 0;
  size_t behind = 0;
  uint64_t bytes_behind = 0;
};

Delivered Compare(const LocalFiles& local, const KeptStreams& kept) {
  Delivered delivered;
  for (const auto& [key, file] : local.files) {
    const auto stream = kept.streams.find(key);
    const bool known = stream != kept.streams.end();
    if (known && IsDurable(file, stream->second)) {
      ++delivered.durable;
    } else {
      ++delivered.behind;
      delivered.bytes_behind +=
          file.stat.size_bytes - (known ? DurableOf(file, stream->second) : 0);
    }
  }
  return delivered;
}

// For a shell.
std::string Quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-_./:=,@%+", c);
  });
  return plain ? word : absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

std::string Given(const Logdir& logdir) {
  return Quoted(absl::StrCat(logdir.name, logdir.name.empty() ? "" : "=", logdir.Text()));
}

// With all that makes it the agent that was asked about: without --node or --namespace it would be
// another node, or make other runs.
std::string RunLine(const AgentConfig& config) {
  const AgentOptionValues& values = config.values;
  std::string line = absl::StrCat("tributary-agent --collector ", Quoted(config.collector));
  if (values.plaintext || !IsLoopback(config.collector)) absl::StrAppend(&line, " --plaintext");
  if (values.use_proxy) absl::StrAppend(&line, " --use-proxy");
  if (!values.store.empty()) absl::StrAppend(&line, " --store ", Quoted(values.store));
  if (values.node.has_value()) absl::StrAppend(&line, " --node ", Quoted(*values.node));
  if (values.name_space.has_value()) {
    absl::StrAppend(&line, " --namespace ", Quoted(*values.name_space));
  }
  for (const std::string& label : values.labels) {
    absl::StrAppend(&line, " --label ", Quoted(label));
  }
  for (const Logdir& logdir : config.logdirs) {
    absl::StrAppend(&line, " --logdir ", Given(logdir));
  }
  return line;
}

bool Follows(const ingest::v1::AgentDescription& agent, const Logdir& wanted) {
  return std::any_of(agent.logdirs().begin(), agent.logdirs().end(), [&](const auto& logdir) {
    return logdir.name() == wanted.name && logdir.path() == wanted.Text();
  });
}

}  // namespace

Finding CheckDelivery(const NodeView& view, const NodeFacts& node,
                      const absl::StatusOr<KeptStreams>& kept) {
  constexpr char kLayer[] = "delivery";
  if (!kept.ok()) {
    return Fails(kLayer, std::string(kept.status().message()), "see the layers above");
  }
  const Delivered delivered = Compare(view.local, *kept);
  if (view.local.files.empty()) return Ok(kLayer, "there is nothing to deliver");
  if (delivered.behind == 0) {
    return Ok(kLayer,
              absl::StrCat(Counted(delivered.durable, "file"), ", all safe at the collector"));
  }
  const std::string missing =
      absl::StrCat(delivered.behind, " of ", Counted(view.local.files.size(), "file"), " (",
                   HumanBytes(delivered.bytes_behind), ") not there yet");
  if (kept->agents.empty()) {
    return Fails(kLayer,
                 absl::StrCat("no agent of node ", node.node.value, " is connected: ", missing),
                 absl::StrCat("start it: ", RunLine(*view.config)));
  }
  for (const Logdir& logdir : view.config->logdirs) {
    const bool followed = std::any_of(kept->agents.begin(), kept->agents.end(),
                                      [&](const auto& agent) { return Follows(agent, logdir); });
    if (followed) continue;
    std::vector<std::string> others;
    for (const auto& agent : kept->agents) {
      for (const auto& other : agent.logdirs()) {
        others.push_back(absl::StrCat(other.path(), " (pid ", agent.pid(), ")"));
      }
    }
    return Fails(kLayer,
                 absl::StrCat("no agent follows ", logdir.Text(), ": those of node ",
                              node.node.value, " follow ", absl::StrJoin(others, ", ")),
                 absl::StrCat("give that agent --logdir ", Given(logdir),
                              " too, or start one: ", RunLine(*view.config)));
  }
  return Ok(kLayer, absl::StrCat(missing, ", on the way by the agent with pid ",
                                 kept->agents.front().pid()));
}

}  // namespace tributary::agent
