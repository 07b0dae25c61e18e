#include "collector/index/run_table.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace tributary {
namespace {

constexpr absl::string_view kAttempt = "#attempt-";

std::optional<bool> MergedBy(const RunRules& rules, const RunName& run) {
  const auto found = rules.merged.find(run);
  return found == rules.merged.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

RunName RunTable::ShownAs(const RunName& source) const {
  const auto found = rules_.renamed.find(source);
  return found == rules_.renamed.end() ? source : found->second;
}

Run* RunTable::Make(const RunName& name) {
  std::shared_ptr<Run>& run = runs_[name];
  if (run == nullptr) {
    run = std::make_shared<Run>(name);
    run->SetMerged(MergedBy(rules_, name));
  }
  return run.get();
}

std::shared_ptr<FileIndex> RunTable::AddFile(const EventFileIdentity& identity,
                                             std::shared_ptr<RecordSource> source) {
  CHECK(!identity.run.value().empty(), "file ", identity.path, " has no run");
  MutexLock lock(&mu_);
  Run* const run = Make(ShownAs(identity.run));
  auto file = std::make_shared<ColumnFileIndex>(identity, std::move(source), run->changes(),
                                                changes_, metadata_);
  run->Add(file);
  changes_->data.fetch_add(1);
  return file;
}

void RunTable::RemoveFile(const std::shared_ptr<FileIndex>& file) {
  MutexLock lock(&mu_);
  // Every FileIndex was made by AddFile.
  const auto& identity = static_cast<const ColumnFileIndex&>(*file).identity();
  const auto run = runs_.find(ShownAs(identity.run));
  if (run == runs_.end()) return;
  if (run->second->Remove(file.get())) runs_.erase(run);
  changes_->structure.fetch_add(1);
  changes_->data.fetch_add(1);
}

void RunTable::Move(const RunName& source, const RunName& from, const RunName& to) {
  const auto old = runs_.find(from);
  if (old == runs_.end()) return;
  std::vector<std::shared_ptr<ColumnFileIndex>> files;
  if (old->second->Take(source, &files)) runs_.erase(old);
  if (files.empty()) return;
  Run* const run = Make(to);
  for (std::shared_ptr<ColumnFileIndex>& file : files) {
    // Before Add, which makes the next view a new one: what the file's owner told to the old run is
    // in it.
    file->SetRunChanges(run->changes());
    run->Add(std::move(file));
  }
}

void RunTable::SetRules(RunRules rules) {
  MutexLock lock(&mu_);
  const RunRules before = std::exchange(rules_, std::move(rules));
  const auto shown_before = [&before](const RunName& source) {
    const auto found = before.renamed.find(source);
    return found == before.renamed.end() ? source : found->second;
  };
  absl::flat_hash_set<RunName> sources;
  for (const auto& [source, to] : before.renamed) sources.insert(source);
  for (const auto& [source, to] : rules_.renamed) sources.insert(source);
  for (const RunName& source : sources) {
    const RunName from = shown_before(source);
    const RunName to = ShownAs(source);
    if (from != to) Move(source, from, to);
  }
  ++moves_;
  absl::flat_hash_set<RunName> merged;
  for (const auto& [run, value] : before.merged) merged.insert(run);
  for (const auto& [run, value] : rules_.merged) merged.insert(run);
  for (const RunName& name : merged) {
    const std::optional<bool> value = MergedBy(rules_, name);
    const auto run = runs_.find(name);
    if (run != runs_.end() && value != MergedBy(before, name)) run->second->SetMerged(value);
  }
  changes_->structure.fetch_add(1);
  changes_->data.fetch_add(1);
}

RunTable::Entry RunTable::EntryOf(const std::shared_ptr<Run>& run) const {
  return {run, rules_.hidden.contains(run->name())};
}

std::vector<RunTable::Entry> RunTable::All() const {
  MutexLock lock(&mu_);
  std::vector<Entry> entries;
  entries.reserve(runs_.size());
  for (const auto& [name, run] : runs_) entries.push_back(EntryOf(run));
  return entries;
}

std::vector<RunTable::Entry> RunTable::Below(const std::string& name_space) const {
  MutexLock lock(&mu_);
  std::vector<Entry> entries;
  if (const auto same = runs_.find(RunName(name_space)); same != runs_.end()) {
    entries.push_back(EntryOf(same->second));
  }
  const std::string prefix = absl::StrCat(name_space, "/");
  for (auto run = runs_.lower_bound(RunName(prefix));
       run != runs_.end() && absl::StartsWith(run->first.value(), prefix); ++run) {
    entries.push_back(EntryOf(run->second));
  }
  return entries;
}

std::vector<RunTable::Entry> RunTable::Only(const std::vector<RunName>& names) const {
  MutexLock lock(&mu_);
  std::vector<Entry> entries;
  absl::flat_hash_set<const Run*> seen;
  for (const RunName& name : names) {
    const auto run = runs_.find(ShownAs(name));
    if (run != runs_.end() && seen.insert(run->second.get()).second) {
      entries.push_back(EntryOf(run->second));
    }
  }
  return entries;
}

bool RunTable::Has(const RunName& run) const {
  MutexLock lock(&mu_);
  return runs_.contains(run);
}

std::shared_ptr<Run> RunTable::Get(absl::string_view name) const {
  MutexLock lock(&mu_);
  const auto run = runs_.find(ShownAs(RunName(std::string(name))));
  return run == runs_.end() ? nullptr : run->second;
}

// A run that is shown: of files, or split off.
std::optional<FoundRun> RunTable::FindShown(absl::string_view name) const {
  if (const std::shared_ptr<Run> run = Get(name); run != nullptr) {
    FoundRun found{RunName(std::string(name)), run->View()};
    found.shown = &found.view->shown.front();
    return found;
  }
  // "<run>@<writer>", where either may hold an '@' too.
  for (size_t at = name.find('@'); at != absl::string_view::npos; at = name.find('@', at + 1)) {
    const std::shared_ptr<Run> run = Get(name.substr(0, at));
    if (run == nullptr) continue;
    const std::shared_ptr<const RunView> view = run->View();
    // The run may have another name now; what was split off it ends alike.
    const std::string wanted = absl::StrCat(run->name().value(), name.substr(at));
    for (const ShownRun& shown : view->shown) {
      if (shown.name.value() != wanted) continue;
      return FoundRun{RunName(std::string(name)), view, &shown};
    }
  }
  return std::nullopt;
}

uint64_t RunTable::moves() const {
  MutexLock lock(&mu_);
  return moves_;
}

std::optional<FoundRun> RunTable::Find(const RunName& run) const {
  // A run that was looked up may have lost its files by the time that it is looked into.
  for (;;) {
    const uint64_t before = moves();
    std::optional<FoundRun> found = FindAtOnce(run);
    if (moves() == before) return found;
  }
}

std::optional<FoundRun> RunTable::FindAtOnce(const RunName& run) const {
  const absl::string_view name = run.value();
  std::optional<FoundRun> found = FindShown(name);
  const size_t attempt = name.rfind(kAttempt);
  if (found.has_value() || attempt == absl::string_view::npos) return found;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(name.substr(attempt + kAttempt.size()), &number) || number == 0) {
    return std::nullopt;
  }
  found = FindShown(name.substr(0, attempt));
  if (!found.has_value() || number > found->view->files.size()) return std::nullopt;
  found->name = run;
  found->attempt_file = number - 1;
  return found;
}

}  // namespace tributary
