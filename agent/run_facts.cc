#include "agent/run_facts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/atomic_file.h"
#include "common/config.h"
#include "common/status_macros.h"
#include "common/yaml.h"

namespace tributary::agent {
namespace {

constexpr uint64_t kFileBytesMax = 64u << 10;
// How long a file, or its absence, is taken as it was.
constexpr absl::Duration kCacheTime = absl::Seconds(5);
constexpr size_t kCacheEntriesMax = 4096;

const std::vector<std::string>& Keys() {
  static const auto* const keys = new std::vector<std::string>{
      "job", "job_name", "nodelist", "index", "rank", "user", "node", "labels", "merge"};
  return *keys;
}

absl::Status ParseEntry(const YamlEntry& entry, const std::string& path, RunFacts* facts) {
  const auto bad = [&](absl::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", entry.line, ": ", entry.key, ": ", reason));
  };
  const std::string source = absl::StrCat(path, ":", entry.line);
  if (entry.key == "labels") {
    if (entry.value.kind != YamlValue::Kind::kMap) return bad("must hold a map of plain values");
    for (const auto& [name, value] : entry.value.map) facts->labels[name] = {value, source};
    return absl::OkStatus();
  }
  if (entry.value.kind != YamlValue::Kind::kScalar) return bad("must hold one plain value");
  if (entry.key == "merge") {
    if (entry.value.scalar != "true" && entry.value.scalar != "false") {
      return bad(absl::StrCat("\"", entry.value.scalar, "\" is neither true nor false"));
    }
    facts->merge = entry.value.scalar == "true";
    return absl::OkStatus();
  }
  facts->facts[entry.key] = {entry.value.scalar, source};
  return absl::OkStatus();
}

// What `further` says counts only where `nearer` says nothing. One exception: an index and a node
// list are two ways to say the same, so the nearer of them hides both of the further file.
void Underlay(const RunFacts& further, RunFacts* nearer) {
  const bool has_index = nearer->facts.contains("index") || nearer->facts.contains("nodelist");
  for (const auto& [name, fact] : further.facts) {
    if (has_index && (name == "index" || name == "nodelist")) continue;
    nearer->facts.emplace(name, fact);
  }
  for (const auto& [name, fact] : further.labels) nearer->labels.emplace(name, fact);
  if (!nearer->merge.has_value()) nearer->merge = further.merge;
}

}  // namespace

absl::StatusOr<RunFacts> ParseRunFacts(const std::string& path, absl::string_view text,
                                       std::vector<std::string>* warnings) {
  absl::StatusOr<std::vector<YamlEntry>> entries = ParseYamlMap(text);
  if (!entries.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", entries.status().message()));
  }
  RunFacts facts;
  for (const YamlEntry& entry : *entries) {
    if (std::find(Keys().begin(), Keys().end(), entry.key) == Keys().end()) {
      const std::string nearest = NearestWord(entry.key, Keys());
      warnings->push_back(
          absl::StrCat(path, ":", entry.line, ": ", entry.key, ": no such key",
                       nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
      continue;
    }
    RETURN_IF_ERROR(ParseEntry(entry, path, &facts));
  }
  return facts;
}

absl::StatusOr<RunFacts> RunFactsReader::For(const std::string& root, absl::string_view directory) {
  RunFacts facts;
  for (;;) {
    const absl::StatusOr<std::optional<RunFacts>>& found =
        Read(directory.empty() ? root : JoinPath(root, directory));
    RETURN_IF_ERROR(found.status());
    if (found->has_value()) Underlay(**found, &facts);
    if (directory.empty()) return facts;
    const size_t slash = directory.rfind('/');
    directory = slash == absl::string_view::npos ? "" : directory.substr(0, slash);
  }
}

const absl::StatusOr<std::optional<RunFacts>>& RunFactsReader::Read(const std::string& directory) {
  const absl::Duration now = clock_->Monotonic();
  const auto cached = cache_.find(directory);
  if (cached != cache_.end() && now - cached->second.read < kCacheTime) return cached->second.facts;
  if (cache_.size() >= kCacheEntriesMax) cache_.clear();

  const std::string path = JoinPath(directory, kRunFactsFileName);
  const auto parse = [&]() -> absl::StatusOr<std::optional<RunFacts>> {
    const absl::StatusOr<std::string> text = ReadWholeFile(files_, path, kFileBytesMax);
    if (absl::IsNotFound(text.status())) return std::nullopt;
    RETURN_IF_ERROR(text.status());
    std::vector<std::string> warnings;
    absl::StatusOr<RunFacts> facts = ParseRunFacts(path, *text, &warnings);
    for (const std::string& warning : warnings) {
      log_->Warn("unknown key in a file of facts", {{"at", warning}});
    }
    RETURN_IF_ERROR(facts.status());
    return std::optional<RunFacts>(*std::move(facts));
  };
  return cache_.insert_or_assign(directory, Cached{now, parse()}).first->second.facts;
}

}  // namespace tributary::agent
