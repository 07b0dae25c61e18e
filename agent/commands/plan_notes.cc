#include "agent/commands/plan_notes.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/look_alike.h"
#include "common/text.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

using Notes = std::vector<PlanNote>;
using NameSets = std::map<std::string, std::set<std::string>>;

std::vector<std::string> List(const std::set<std::string>& names) {
  return {names.begin(), names.end()};
}

std::string Called(const std::string& logdir_name) {
  return logdir_name.empty() ? "as the logdir without a name" : absl::StrCat("as ", logdir_name);
}

void AddNode(const Plan& plan, Notes* notes) {
  if (plan.node == plan.wanted_node) return;
  notes->push_back(
      {"node",
       {},
       {plan.wanted_node, plan.node},
       absl::StrCat("this node is ", plan.node, " at the collector, where ", plan.wanted_node,
                    " is another machine; --node gives it a name of its own")});
}

// What the collector refuses: two directories that would be one logdir.
void AddLogdirs(const Plan& plan, const AgentConfig& config, Notes* notes) {
  for (const Logdir& mine : config.logdirs) {
    for (const ingest::v1::AgentDescription& agent : plan.agents) {
      for (const ingest::v1::Logdir& other : agent.logdirs()) {
        if (other.name() != ValidUtf8(mine.name) || other.path() == ValidUtf8(mine.Text())) {
          continue;
        }
        notes->push_back(
            {"logdir",
             {},
             {other.name(), other.path()},
             absl::StrCat("an agent would be refused: pid ", agent.pid(), " of ", plan.node,
                          " follows ", other.path(), " ", Called(other.name()),
                          "; give --logdir NAME=", mine.Text(), " with another name")});
      }
    }
  }
}

// Mostly a template that says too little, or a logdir inside of another.
void AddDirectories(const Plan& plan, Notes* notes) {
  NameSets directories;
  for (const PlannedFile& file : plan.files) {
    // With the logdir's name: a directory that is reached by two logdirs counts twice.
    const std::string directory = file.path.substr(0, file.path.rfind('/'));
    directories[file.run].insert(file.logdir_name.empty()
                                     ? directory
                                     : absl::StrCat(directory, " (", file.logdir_name, ")"));
  }
  for (const auto& [run, names] : directories) {
    if (names.size() < 2) continue;
    notes->push_back({"directories",
                      {run},
                      List(names),
                      absl::StrCat(run, " is one run of several directories here: ",
                                   absl::StrJoin(names, ", "))});
  }
}

std::string SourceText(const ingest::v1::RunSource& source) {
  if (source.node().empty()) return "files that the collector reads itself";
  return absl::StrCat(
      Counted(source.files(), "file"), " of ", source.node(),
      source.logdir_name().empty() ? "" : absl::StrCat(" (logdir ", source.logdir_name(), ")"));
}

void AddNodes(const Plan& plan, const std::set<std::string>& runs, Notes* notes) {
  for (const std::string& run : runs) {
    const auto found = plan.at_collector.find(run);
    if (found == plan.at_collector.end() || found->second.sources().empty()) continue;
    PlanNote& note = notes->emplace_back(PlanNote{"nodes", {run}, {}, ""});
    std::vector<std::string> sources;
    for (const ingest::v1::RunSource& source : found->second.sources()) {
      note.with.push_back(source.node());
      sources.push_back(SourceText(source));
    }
    if (found->second.sources_left_out() > 0) {
      sources.push_back(absl::StrCat("files of ", found->second.sources_left_out(), " more"));
    }
    note.text =
        absl::StrCat(run, " goes on with ", absl::StrJoin(sources, ", "), ": same name, one run");
  }
}

void AddOtherNames(const Plan& plan, Notes* notes) {
  std::map<std::pair<std::string, std::string>, uint64_t> kept;
  std::set<std::pair<std::string, std::string>> renamed;
  for (const PlannedFile& file : plan.files) {
    if (file.run != file.new_run) ++kept[{file.run, file.new_run}];
    if (file.new_run != file.template_run) renamed.insert({file.new_run, file.template_run});
  }
  for (const auto& [names, files] : kept) {
    notes->push_back({"kept",
                      {names.first},
                      {names.second},
                      absl::StrCat(names.first, " is kept for ", Counted(files, "file"),
                                   "; the next one beside would be ", names.second)});
  }
  for (const auto& [name, template_run] : renamed) {
    notes->push_back(
        {"renamed",
         {name},
         {template_run},
         absl::StrCat(name, " is what ", template_run, " was renamed to at the collector")});
  }
}

void AddLookAlikes(const Plan& plan, const std::set<std::string>& runs, Notes* notes) {
  NameSets by_look;
  for (const std::string& run : runs) {
    std::set<std::string>& alike = by_look[LookOf(run)];
    alike.insert(run);
    const auto found = plan.at_collector.find(run);
    if (found == plan.at_collector.end()) continue;
    alike.insert(found->second.look_alikes().begin(), found->second.look_alikes().end());
  }
  for (const auto& [look, alike] : by_look) {
    if (alike.size() < 2) continue;
    PlanNote& note = notes->emplace_back(PlanNote{"look_alike", List(alike), {}, ""});
    std::vector<std::string> spelled;
    bool case_only = true;
    for (const std::string& run : alike) {
      case_only = case_only && absl::AsciiStrToLower(run) == absl::AsciiStrToLower(*alike.begin());
      const bool is_there = !runs.contains(run);
      if (is_there) note.with.push_back(run);
      spelled.push_back(absl::StrCat(Spelled(run), is_there ? " (at the collector)" : ""));
    }
    note.text = absl::StrCat(
        absl::StrJoin(spelled, " and "),
        case_only ? " differ in letter case only" : " look the same, but are different runs");
  }
}

void AddEmpty(const Plan& plan, Notes* notes) {
  for (const EmptyLogdir& logdir : plan.empty_logdirs) {
    PlanNote& note = notes->emplace_back(PlanNote{"empty", {}, {logdir.path}, ""});
    note.text = absl::StrCat(logdir.path, " has no event files yet");
    if (logdir.run.empty()) {
      if (!logdir.why.empty()) absl::StrAppend(&note.text, ", and no name for them: ", logdir.why);
      continue;
    }
    note.runs = {logdir.run};
    absl::StrAppend(&note.text, "; in it they would be the run ", logdir.run, ", in D below it ",
                    logdir.run == "." ? "" : absl::StrCat(logdir.run, "/"), "D (", logdir.why, ")");
  }
}

}  // namespace

std::vector<PlanNote> NotesOf(const Plan& plan, const AgentConfig& config) {
  std::set<std::string> runs;
  for (const PlannedFile& file : plan.files) runs.insert(file.run);
  Notes notes;
  AddNode(plan, &notes);
  AddLogdirs(plan, config, &notes);
  AddDirectories(plan, &notes);
  AddNodes(plan, runs, &notes);
  AddOtherNames(plan, &notes);
  AddLookAlikes(plan, runs, &notes);
  AddEmpty(plan, &notes);
  for (PlanNote& note : notes) note.text = Printable(note.text);
  return notes;
}

}  // namespace tributary::agent
