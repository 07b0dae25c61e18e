#include "agent/commands/mark.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/run_facts.h"
#include "common/atomic_file.h"
#include "common/status_macros.h"
#include "common/yaml.h"

namespace tributary::agent {
namespace {

constexpr uint64_t kFileBytesMax = 64u << 10;
constexpr absl::string_view kWritten[] = {"job", "job_name", "nodelist"};

bool IsWritten(const std::string& key) {
  return std::find(std::begin(kWritten), std::end(kWritten), key) != std::end(kWritten);
}

// The lines of `text` without the entries that are written anew. An entry reaches to the next key.
absl::StatusOr<std::string> Others(const std::string& path, const std::string& text) {
  absl::StatusOr<std::vector<YamlEntry>> entries = ParseYamlMap(text);
  if (!entries.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", entries.status().message()));
  }
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::vector<bool> keep(lines.size(), true);
  for (size_t i = 0; i < entries->size(); ++i) {
    if (!IsWritten((*entries)[i].key)) continue;
    const auto first = static_cast<size_t>((*entries)[i].line - 1);
    const size_t end =
        i + 1 < entries->size() ? static_cast<size_t>((*entries)[i + 1].line - 1) : lines.size();
    for (size_t line = first; line < end; ++line) keep[line] = lines[line].starts_with("#");
  }
  std::string others;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (keep[i] && !lines[i].empty()) absl::StrAppend(&others, lines[i], "\n");
  }
  // Flow style, "{job: 1, merge: true}", has entries that are no lines of their own.
  std::vector<std::string> kept;
  if (absl::StatusOr<std::vector<YamlEntry>> again = ParseYamlMap(others); again.ok()) {
    for (const YamlEntry& entry : *again) kept.push_back(entry.key);
  }
  for (const YamlEntry& entry : *entries) {
    const bool is_kept = std::find(kept.begin(), kept.end(), entry.key) != kept.end();
    if (is_kept == IsWritten(entry.key)) {
      return absl::FailedPreconditionError(
          absl::StrCat(path,
                       ": holds other keys in a form that cannot be kept; write each key on "
                       "a line of its own"));
    }
  }
  return others;
}

// Whether the default names are {job}/node{index} below a file that holds this.
bool HasPlace(const std::string& content) {
  const absl::StatusOr<std::vector<YamlEntry>> entries = ParseYamlMap(content);
  return entries.ok() && std::any_of(entries->begin(), entries->end(), [](const YamlEntry& entry) {
           return entry.key == "nodelist" || entry.key == "index";
         });
}

absl::StatusOr<std::string> Mark(const std::string& directory, const World& world) {
  const JobFacts job = ReadJobFacts(world.environment, false);
  std::vector<std::pair<std::string, Fact>> facts;
  for (const char* name : {"job", "job_name"}) {
    if (const auto found = job.facts.find(name); found != job.facts.end()) {
      RETURN_IF_ERROR(CheckFactValue(name, found->second));
      facts.emplace_back(name, found->second);
    }
  }
  if (!job.facts.contains("job")) {
    return absl::FailedPreconditionError(
        "no job in the environment: mark belongs into a job script; elsewhere set TRIBUTARY_JOB");
  }
  if (job.nodelist.has_value()) facts.emplace_back("nodelist", *job.nodelist);

  const bool is_new = absl::IsNotFound(world.files->Stat(directory).status());
  RETURN_IF_ERROR(world.files->MakeDirectories(directory));
  const std::string path = JoinPath(directory, kRunFactsFileName);
  std::string content;
  absl::StatusOr<std::string> before = ReadWholeFile(world.files, path, kFileBytesMax);
  if (before.ok()) {
    ASSIGN_OR_RETURN(content, Others(path, *before));
  } else if (!absl::IsNotFound(before.status())) {
    return before.status();
  }
  std::vector<std::string> told;
  for (const auto& [name, fact] : facts) {
    absl::StrAppend(&content, name, ": ", YamlQuoted(fact.value), "\n");
    told.push_back(absl::StrCat(name, " ", fact.value));
  }
  RETURN_IF_ERROR(WriteFileAtomically(world.files, path, content));
  std::string text = absl::StrCat(path, is_new ? " (in a new directory): " : ": ",
                                  absl::StrJoin(told, ", "), "\n");
  if (!HasPlace(content)) {
    absl::StrAppend(&text,
                    "Without a node list this changes no name by itself: give the agent "
                    "--namespace '{job}/{node}' to have the job in the names\n");
  }
  return text;
}

}  // namespace

int MarkCommand(const std::vector<std::string>& arguments, const World& world) {
  if (arguments.size() != 1 || arguments[0].empty()) {
    PrintError(world, "mark: give the directory with the event files: tributary-agent mark DIR");
    return kExitUsage;
  }
  const absl::StatusOr<std::string> told = Mark(arguments[0], world);
  if (!told.ok()) {
    PrintError(world, told.status().message());
    return kExitFailed;
  }
  *world.out << *told;
  return kExitGood;
}

}  // namespace tributary::agent
