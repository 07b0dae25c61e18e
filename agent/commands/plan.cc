#include "agent/commands/plan.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/commands/listing.h"
#include "agent/commands/plan_notes.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

std::string KeptSince(int64_t unix_nanos) {
  return absl::StrCat("kept since ",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixNanos(unix_nanos),
                                       absl::UTCTimeZone()));
}

std::string JsonStrings(const std::vector<std::string>& texts) {
  return absl::StrCat("[",
                      absl::StrJoin(texts, ",",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, JsonString(text));
                                    }),
                      "]");
}

std::string PlanJson(const Plan& plan, const std::vector<PlanNote>& notes) {
  std::string json = "{\"files\":[";
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const PlannedFile& file = plan.files[i];
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"file\":", JsonString(file.path),
                    ",\"run\":", JsonString(file.run), ",\"why\":", JsonString(file.why),
                    ",\"shared\":", file.shared ? "true" : "false",
                    ",\"logdir\":", JsonString(file.logdir_name),
                    ",\"path\":", JsonString(file.relative_path),
                    ",\"new_file\":", JsonString(file.new_run), "}");
  }
  absl::StrAppend(&json, "],\"notes\":[");
  for (size_t i = 0; i < notes.size(); ++i) {
    const PlanNote& note = notes[i];
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"kind\":", JsonString(note.kind),
                    ",\"runs\":", JsonStrings(note.runs), ",\"with\":", JsonStrings(note.with),
                    ",\"text\":", JsonString(note.text), "}");
  }
  return absl::StrCat(json, "],\"node\":", JsonString(plan.node),
                      ",\"compared\":", plan.is_compared ? "true" : "false", "}\n");
}

std::string PlanText(const Plan& plan, const std::vector<PlanNote>& notes, bool has_collector) {
  std::vector<std::vector<std::string>> rows;
  std::set<std::string> runs;
  for (const PlannedFile& file : plan.files) {
    rows.push_back(
        {file.path, file.run, file.shared ? absl::StrCat(file.why, "; shared") : file.why});
    runs.insert(file.run);
  }
  std::string text = rows.empty() ? "" : TextTable({"FILE", "RUN", "WHY"}, rows);
  if (!notes.empty()) {
    absl::StrAppend(&text, rows.empty() ? "" : "\n", "To know before training starts:\n");
    for (const PlanNote& note : notes) absl::StrAppend(&text, "  ", note.text, "\n");
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppend(&text, Counted(plan.files.size(), "file"), ", ", Counted(runs.size(), "run"),
                  ", ", notes.empty() ? "nothing collides" : Counted(notes.size(), "note"));
  if (!plan.is_compared) {
    absl::StrAppend(&text, has_collector
                               ? "; this collector is too old to compare with what it has"
                               : "; with --collector, what is there already is compared too");
  }
  return text + "\n";
}

// A file whose name the template gave.
struct NamedFile {
  PlannedFile planned;
  StreamNaming naming;
};

absl::StatusOr<std::vector<NamedFile>> NameFiles(const AgentConfig& config, const LocalFiles& local,
                                                 const std::string& node, RunNames* names) {
  std::vector<NamedFile> named;
  for (const auto& [key, file] : local.files) {
    absl::StatusOr<StreamNaming> naming = names->Name(file, node);
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
    planned.template_run = naming->run;
    named.push_back({std::move(planned), *std::move(naming)});
  }
  return named;
}

std::vector<EmptyLogdir> NameEmptyLogdirs(const AgentConfig& config, const World& world,
                                          const LocalFiles& local, const std::string& node,
                                          RunNames* names) {
  std::set<int> used;
  for (const auto& [key, file] : local.files) used.insert(file.root);
  std::vector<EmptyLogdir> empty;
  for (size_t root = 0; root < config.logdirs.size(); ++root) {
    if (used.contains(static_cast<int>(root))) continue;
    EmptyLogdir& logdir = empty.emplace_back();
    logdir.path = config.logdirs[root].Text();
    // Of a pattern, the directories would have to be made up too.
    if (!config.logdirs[root].below.empty()) continue;
    TailedFile imagined;
    imagined.root = static_cast<int>(root);
    imagined.relative_path = "tfevents";
    imagined.stat.owner_uid = world.user_id;
    absl::StatusOr<StreamNaming> naming = names->Name(imagined, node);
    logdir.why = naming.ok() ? naming->why : std::string(naming.status().message());
    if (naming.ok()) logdir.run = naming->run;
  }
  return empty;
}

}  // namespace

absl::StatusOr<Plan> MakePlan(const AgentConfig& config, const World& world) {
  ASSIGN_OR_RETURN(const NodeFacts node, NodeOf(config, world));
  const bool has_collector = !config.collector.empty();
  KeptStreams kept;
  if (has_collector) {
    ASSIGN_OR_RETURN(kept, AskCollector(config, node, config.values.connect_timeout, world,
                                        AskedNode::kForeseen));
  }
  const LocalFiles local = ListLocalFiles(config, world);
  for (const std::string& problem : local.problems) PrintError(world, problem);
  RunNames names(NamesOf(config, node, config.wraps_command, world), NamesWorld(world));
  ASSIGN_OR_RETURN(std::vector<NamedFile> named, NameFiles(config, local, kept.node, &names));

  Plan plan;
  plan.wanted_node = node.node.value;
  plan.node = kept.node.empty() ? plan.wanted_node : kept.node;
  plan.agents = kept.agents;
  plan.is_compared = has_collector;
  plan.empty_logdirs = NameEmptyLogdirs(config, world, local, kept.node, &names);
  std::map<std::string, RunAtCollector> there;
  if (has_collector) {
    std::set<std::string> runs;
    for (const NamedFile& file : named) runs.insert(file.naming.run);
    for (const auto& [key, stream] : kept.streams) {
      if (local.files.contains(key)) runs.insert(stream.run());
    }
    ASSIGN_OR_RETURN(there,
                     AskRuns(config, node, kept.node, runs, config.values.connect_timeout, world));
  }
  for (auto& [name, run] : there) {
    plan.is_compared = plan.is_compared && run.description.has_value();
    if (run.description.has_value()) plan.at_collector[run.shown_as] = *run.description;
  }
  for (auto& [planned, naming] : named) {
    // A new file follows the renames of the runs of its name.
    planned.new_run = has_collector ? there.at(naming.run).shown_as : naming.run;
    planned.run = planned.new_run;
    planned.why = std::move(naming.why);
    const auto found = kept.streams.find({planned.logdir_name, planned.relative_path});
    if (found != kept.streams.end()) {
      planned.run = found->second.run();
      planned.why = KeptSince(found->second.run_since_unix_nanos());
      if (planned.run != planned.new_run) {
        absl::StrAppend(&planned.why, "; a new file would be ", planned.new_run);
      }
    }
    if (planned.new_run != naming.run) {
      absl::StrAppend(&planned.why, "; ", naming.run, " was renamed at the collector");
    }
    plan.files.push_back(std::move(planned));
  }
  return plan;
}

int PlanCommand(const AgentConfig& config, const World& world) {
  const absl::StatusOr<Plan> plan = MakePlan(config, world);
  if (!plan.ok()) {
    PrintError(world, plan.status().message());
    return absl::IsInvalidArgument(plan.status()) ? kExitUsage : kExitFailed;
  }
  const std::vector<PlanNote> notes = NotesOf(*plan, config);
  *world.out << (config.values.json ? PlanJson(*plan, notes)
                                    : PlanText(*plan, notes, !config.collector.empty()));
  return kExitGood;
}

}  // namespace tributary::agent
