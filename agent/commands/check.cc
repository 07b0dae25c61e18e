#include "agent/commands/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/commands/listing.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

struct Followed {
  uint64_t files = 0;
  uint64_t bytes = 0;
  std::set<std::string> runs;
  std::string first_error;
};

// By index of the logdir.
std::vector<Followed> LookAt(const AgentConfig& config, const NodeFacts& node,
                             const LocalFiles& local, const World& world) {
  std::vector<Followed> followed(config.logdirs.size());
  RunNames names(NamesOf(config, node, false, world), NamesWorld(world));
  for (const auto& [key, file] : local.files) {
    Followed& logdir = followed[static_cast<size_t>(file.root)];
    ++logdir.files;
    logdir.bytes += file.stat.size_bytes;
    const absl::StatusOr<StreamNaming> naming = names.Name(file, "");
    if (naming.ok()) {
      logdir.runs.insert(naming->run);
    } else if (logdir.first_error.empty()) {
      logdir.first_error = std::string(naming.status().message());
    }
  }
  return followed;
}

std::string Json(const AgentConfig& config, const NodeFacts& node,
                 const std::vector<Options::Effective>& effective,
                 const std::vector<Followed>& followed) {
  std::string json = absl::StrCat("{\"node\":", JsonString(node.node.value), ",\"options\":{");
  bool first = true;
  for (const Options::Effective& option : effective) {
    if (option.values.empty()) continue;
    std::vector<std::string> values;
    for (const std::string& value : option.values) values.push_back(JsonString(value));
    absl::StrAppend(&json, first ? "" : ",", JsonString(option.name), ":{\"values\":[",
                    absl::StrJoin(values, ","), "],\"from\":", JsonString(option.where), "}");
    first = false;
  }
  absl::StrAppend(&json, "},\"logdirs\":[");
  for (size_t i = 0; i < followed.size(); ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"name\":", JsonString(config.logdirs[i].name),
                    ",\"path\":", JsonString(config.logdirs[i].Text()),
                    ",\"files\":", followed[i].files, ",\"bytes\":", followed[i].bytes,
                    ",\"runs\":", followed[i].runs.size(), "}");
  }
  return absl::StrCat(json, "]}\n");
}

std::string Text(const AgentConfig& config, const NodeFacts& node,
                 const std::vector<Options::Effective>& effective,
                 const std::vector<Followed>& followed, bool all_readable) {
  std::vector<std::vector<std::string>> rows;
  for (const Options::Effective& option : effective) {
    if (option.values.empty()) continue;
    rows.push_back({option.name, absl::StrJoin(option.values, ", "), option.where});
  }
  std::string text = absl::StrCat(TextTable({"OPTION", "VALUE", "FROM"}, rows), "\nnode ",
                                  node.node.value, " (", node.node.source, ")\n");
  for (size_t i = 0; i < followed.size(); ++i) {
    absl::StrAppend(&text, "logdir ", config.logdirs[i].Text(), ": ",
                    Counted(followed[i].files, "file"), ", ", HumanBytes(followed[i].bytes), ", ",
                    Counted(followed[i].runs.size(), "run"), "\n");
  }
  return absl::StrCat(text, all_readable ? "The configuration is good.\n"
                                         : "The configuration is good, but not all that is "
                                           "followed can be read: see above.\n");
}

}  // namespace

int CheckCommand(const AgentConfig& config, const std::vector<Options::Effective>& effective,
                 const World& world) {
  const absl::StatusOr<NodeFacts> node = NodeOf(config, world);
  if (!node.ok()) {
    PrintError(world, node.status().message());
    return kExitUsage;
  }
  const LocalFiles local = ListLocalFiles(config, world);
  for (const std::string& problem : local.problems) PrintError(world, problem);
  const std::vector<Followed> followed = LookAt(config, *node, local, world);
  for (const Followed& logdir : followed) {
    if (logdir.first_error.empty()) continue;
    PrintError(world, logdir.first_error);
    return kExitUsage;
  }
  *world.out << (config.values.json ? Json(config, *node, effective, followed)
                                    : Text(config, *node, effective, followed,
                                           /*all_readable=*/local.problems.empty()));
  return kExitGood;
}

}  // namespace tributary::agent
