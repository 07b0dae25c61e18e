#include "agent/commands/plan.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/commands/listing.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

std::string KeptSince(int64_t unix_nanos) {
  return absl::StrCat("kept since ",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixNanos(unix_nanos),
                                       absl::UTCTimeZone()));
}

// Runs that get files from more than one directory, with these: mostly a template that says too
// little, or a logdir inside of another.
std::map<std::string, std::set<std::string>> Collisions(const std::vector<PlannedFile>& plan) {
  std::map<std::string, std::set<std::string>> runs;
  for (const PlannedFile& file : plan) {
    // With the logdir's name: a directory that is reached by two logdirs counts twice.
    const std::string directory = file.path.substr(0, file.path.rfind('/'));
    runs[file.run].insert(file.logdir_name.empty()
                              ? directory
                              : absl::StrCat(directory, " (", file.logdir_name, ")"));
  }
  std::erase_if(runs, [](const auto& run) { return run.second.size() < 2; });
  return runs;
}

std::string PlanJson(const std::vector<PlannedFile>& plan) {
  std::string json = "{\"files\":[";
  for (size_t i = 0; i < plan.size(); ++i) {
    const PlannedFile& file = plan[i];
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"file\":", JsonString(file.path),
                    ",\"run\":", JsonString(file.run), ",\"why\":", JsonString(file.why),
                    ",\"shared\":", file.shared ? "true" : "false",
                    ",\"logdir\":", JsonString(file.logdir_name),
                    ",\"path\":", JsonString(file.relative_path), "}");
  }
  absl::StrAppend(&json, "],\"collisions\":[");
  bool first = true;
  for (const auto& [run, directories] : Collisions(plan)) {
    std::vector<std::string> quoted;
    for (const std::string& directory : directories) quoted.push_back(JsonString(directory));
    absl::StrAppend(&json, first ? "" : ",", "{\"run\":", JsonString(run), ",\"directories\":[",
                    absl::StrJoin(quoted, ","), "]}");
    first = false;
  }
  return absl::StrCat(json, "]}\n");
}

std::string PlanText(const std::vector<PlannedFile>& plan) {
  std::vector<std::vector<std::string>> rows;
  std::set<std::string> runs;
  for (const PlannedFile& file : plan) {
    rows.push_back(
        {file.run, file.path, file.shared ? absl::StrCat(file.why, "; shared") : file.why});
    runs.insert(file.run);
  }
  std::string text =
      absl::StrCat(plan.empty() ? "" : TextTable({"RUN", "FILE", "WHY"}, rows),
                   Counted(plan.size(), "file"), ", ", Counted(runs.size(), "run"), "\n");
  for (const auto& [run, directories] : Collisions(plan)) {
    absl::StrAppend(&text, "one run from several directories: ", Printable(run), " from ",
                    Printable(absl::StrJoin(directories, ", ")), "\n");
  }
  return text;
}

}  // namespace

absl::StatusOr<std::vector<PlannedFile>> MakePlan(const AgentConfig& config, const World& world) {
  ASSIGN_OR_RETURN(const NodeFacts node, NodeOf(config, world));
  KeptStreams kept;
  if (!config.collector.empty()) {
    ASSIGN_OR_RETURN(kept, AskCollector(config, node, config.values.connect_timeout, world));
  }
  const LocalFiles local = ListLocalFiles(config, world);
  for (const std::string& problem : local.problems) PrintError(world, problem);
  RunNames names(NamesOf(config, node, config.wraps_command, world), NamesWorld(world));
  std::vector<std::pair<PlannedFile, StreamNaming>> named;
  std::map<std::string, std::string> shown;
  for (const auto& [key, file] : local.files) {
    absl::StatusOr<StreamNaming> naming = names.Name(file, kept.node);
    if (!naming.ok()) {
      // The configuration's fault, unlike a collector that refuses.
      if (!absl::IsFailedPrecondition(naming.status())) return naming.status();
      return absl::InvalidArgumentError(naming.status().message());
    }
    PlannedFile planned;
    planned.logdir_name = key.first;
    planned.relative_path = key.second;
    planned.path = JoinPath(config.logdirs[static_cast<size_t>(file.root)].path, key.second);
    planned.shared = !naming->file.network_source().empty();
    shown[naming->run] = naming->run;
    named.emplace_back(std::move(planned), *std::move(naming));
  }
  if (!config.collector.empty()) {
    RETURN_IF_ERROR(AskShownNames(config, node, config.values.connect_timeout, world, &shown));
  }
  std::vector<PlannedFile> plan;
  for (auto& [planned, naming] : named) {
    // A new file follows the renames of the runs of its name.
    const std::string& run = shown.at(naming.run);
    const auto found = kept.streams.find({planned.logdir_name, planned.relative_path});
    if (found != kept.streams.end()) {
      planned.run = found->second.run();
      planned.why = KeptSince(found->second.run_since_unix_nanos());
      if (planned.run != run) absl::StrAppend(&planned.why, "; a new file would be ", run);
    } else {
      planned.run = run;
      planned.why = std::move(naming.why);
      if (run != naming.run) {
        absl::StrAppend(&planned.why, "; ", naming.run, " was renamed at the collector");
      }
    }
    plan.push_back(std::move(planned));
  }
  return plan;
}

int PlanCommand(const AgentConfig& config, const World& world) {
  const absl::StatusOr<std::vector<PlannedFile>> plan = MakePlan(config, world);
  if (!plan.ok()) {
    PrintError(world, plan.status().message());
    return absl::IsInvalidArgument(plan.status()) ? kExitUsage : kExitFailed;
  }
  *world.out << (config.values.json ? PlanJson(*plan) : PlanText(*plan));
  return kExitGood;
}

}  // namespace tributary::agent
