#include "agent/run_names.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/slurm_nodelist.h"
#include "common/atomic_file.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

constexpr absl::string_view kJobTemplate = "{job}/node{index}";
constexpr absl::string_view kCapturedJobTemplate = "{job}/{node}";
constexpr absl::string_view kNodeTemplate = "{node}";
constexpr uint64_t kMountInfoBytesMax = 8u << 20;

NameTemplate BuiltIn(absl::string_view text) {
  absl::StatusOr<NameTemplate> parsed = NameTemplate::Parse(text);
  CHECK(parsed.ok(), text);
  return *std::move(parsed);
}

// The directory part of a path below a logdir; empty for a file that lies in the logdir itself.
absl::string_view Directory(absl::string_view relative_path) {
  const size_t slash = relative_path.rfind('/');
  return slash == absl::string_view::npos ? "" : relative_path.substr(0, slash);
}

// What the names of `matched` say; as many as the pattern has.
std::map<std::string, Fact> Captures(const Logdir& logdir, absl::string_view matched) {
  std::map<std::string, Fact> captures;
  if (logdir.below.empty()) return captures;
  const std::vector<absl::string_view> names = absl::StrSplit(matched, '/');
  CHECK(names.size() == logdir.below.size(), matched);
  for (size_t i = 0; i < names.size(); ++i) {
    if (!logdir.below[i].is_capture) continue;
    captures[logdir.below[i].text] = {std::string(names[i]),
                                      absl::StrCat("the path ", logdir.Text())};
  }
  return captures;
}

std::optional<Fact> Lookup(const std::map<std::string, Fact>& facts, const std::string& name) {
  const auto found = facts.find(name);
  if (found == facts.end()) return std::nullopt;
  return found->second;
}

}  // namespace

RunNames::RunNames(Options options, Dependencies dependencies)
    : options_(std::move(options)),
      dependencies_(std::move(dependencies)),
      reader_(dependencies_.files, dependencies_.clock, dependencies_.log),
      real_roots_(options_.logdirs.size()) {}

absl::StatusOr<StreamNaming> RunNames::Name(const TailedFile& file, const std::string& node) {
  CHECK(file.root >= 0 && static_cast<size_t>(file.root) < options_.logdirs.size(), file.root);
  const Logdir& logdir = options_.logdirs[static_cast<size_t>(file.root)];
  const auto [matched, directory] = SplitNames(Directory(file.relative_path), logdir.below.size());
  const std::map<std::string, Fact> captures = Captures(logdir, matched);
  ASSIGN_OR_RETURN(
      const RunFacts beside,
      reader_.For(matched.empty() ? logdir.path : JoinPath(logdir.path, matched), directory));
  const Known known = {&beside, &captures, &file, &node};

  StreamNaming naming;
  NameTemplate name_template;
  std::string no_place;
  if (options_.name_space.has_value()) {
    name_template = *options_.name_space;
    naming.why = absl::StrCat("template \"", name_template.text(), "\"");
  } else {
    ASSIGN_OR_RETURN(name_template, TemplateFor(known, &no_place));
    naming.why = absl::StrCat("default ", name_template.text());
  }
  ASSIGN_OR_RETURN(const std::string name_space, Expand(name_template, known, &naming.why));
  if (!no_place.empty()) absl::StrAppend(&naming.why, "; ", no_place);

  std::vector<absl::string_view> parts = absl::StrSplit(name_space, '/', absl::SkipEmpty());
  if (!logdir.name.empty()) parts.push_back(logdir.name);
  for (const absl::string_view part : absl::StrSplit(directory, '/', absl::SkipEmpty())) {
    parts.push_back(part);
  }
  naming.run = parts.empty() ? "." : EscapedUtf8(absl::StrJoin(parts, "/"));
  naming.why = ValidUtf8(naming.why);
  naming.merge = beside.merge.value_or(false);
  naming.file = Facts(file);
  return naming;
}

absl::StatusOr<std::optional<Fact>> RunNames::PlaceBeside(const RunFacts& beside,
                                                          std::string* problem) const {
  const std::optional<Fact> nodelist = Lookup(beside.facts, "nodelist");
  if (!nodelist.has_value()) return std::nullopt;
  absl::StatusOr<std::optional<size_t>> place =
      PlaceInNodelist(nodelist->value, options_.node.names_in_lists);
  if (!place.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(nodelist->source, ": ", place.status().message()));
  }
  if (!place->has_value()) {
    *problem = absl::StrCat("the node list of ", nodelist->source, " names none of ",
                            absl::StrJoin(options_.node.names_in_lists, ", "));
    return std::nullopt;
  }
  return Fact{absl::StrCat(**place), absl::StrCat("the node list of ", nodelist->source)};
}

absl::StatusOr<std::optional<Fact>> RunNames::Find(const std::string& fact, const Known& known,
                                                   std::string* problem) const {
  std::optional<Fact> found = Lookup(known.beside->facts, fact);
  if (!found.has_value() && fact == "index") {
    ASSIGN_OR_RETURN(found, PlaceBeside(*known.beside, problem));
  }
  if (!found.has_value()) found = Lookup(known.beside->labels, fact);
  if (!found.has_value()) found = Lookup(*known.captures, fact);
  if (!found.has_value()) found = Lookup(options_.labels, fact);
  if (!found.has_value()) found = Lookup(options_.job.facts, fact);
  if (!found.has_value() && fact == "node") {
    found = options_.node.node;
    if (!known.node->empty() && *known.node != found->value) {
      found = Fact{*known.node, absl::StrCat("the collector, instead of \"", found->value, "\"")};
    }
  }
  if (!found.has_value() && fact == "user") {
    found = Fact{dependencies_.user_name(known.file->stat.owner_uid), "the owner of the file"};
  }
  if (found.has_value()) RETURN_IF_ERROR(CheckFactValue(fact, *found));
  if (!found.has_value() && fact == "index" && problem->empty()) {
    *problem = options_.job.nodelist_problem;
  }
  return found;
}

absl::StatusOr<NameTemplate> RunNames::TemplateFor(const Known& known,
                                                   std::string* no_place) const {
  if (options_.job.in_slurm) return BuiltIn(kJobTemplate);
  if (known.beside->facts.contains("job")) {
    if (known.beside->facts.contains("index")) return BuiltIn(kJobTemplate);
    ASSIGN_OR_RETURN(const std::optional<Fact> place, PlaceBeside(*known.beside, no_place));
    if (place.has_value()) return BuiltIn(kJobTemplate);
  }
  if (no_place->empty()) *no_place = options_.job.nodelist_problem;
  if (known.captures->contains("job")) return BuiltIn(kCapturedJobTemplate);
  if (const auto job = Lookup(known.beside->facts, "job"); job.has_value() && no_place->empty()) {
    *no_place = absl::StrCat(job->source,
                             " has neither index nor nodelist beside its job: ", "--namespace '",
                             kCapturedJobTemplate, "' puts the job into names");
  }
  return BuiltIn(kNodeTemplate);
}

absl::StatusOr<std::string> RunNames::Expand(const NameTemplate& name_template, const Known& known,
                                             std::string* why) const {
  std::string expanded;
  std::vector<std::string> sources;
  for (const NameTemplate::Piece& piece : name_template.pieces()) {
    if (!piece.is_fact) {
      absl::StrAppend(&expanded, piece.text);
      continue;
    }
    std::string problem;
    ASSIGN_OR_RETURN(const std::optional<Fact> fact, Find(piece.text, known, &problem));
    if (!fact.has_value()) return Missing(piece.text, name_template, problem);
    absl::StrAppend(&expanded, fact->value);
    sources.push_back(absl::StrCat(piece.text, " from ", fact->source));
  }
  if (!sources.empty()) absl::StrAppend(why, ": ", absl::StrJoin(sources, ", "));
  return expanded;
}

absl::Status RunNames::Missing(const std::string& fact, const NameTemplate& name_template,
                               const std::string& problem) const {
  std::string ways = absl::StrCat("--label ", fact, "=VALUE");
  if (fact == "job" || fact == "index") {
    ways = absl::StrCat("TRIBUTARY_", absl::AsciiStrToUpper(fact), " or ", ways);
  }
  if (fact == "rank") ways = absl::StrCat(ways, ", or run -- COMMAND with one agent for each rank");
  return absl::FailedPreconditionError(
      absl::StrCat("template \"", name_template.text(), "\": {", fact, "} has no value",
                   problem.empty() ? "" : absl::StrCat(" (", problem, ")"), "; set ", ways,
                   ", or write it into ", kRunFactsFileName, " beside the files"));
}

ingest::v1::FileFacts RunNames::Facts(const TailedFile& file) {
  ingest::v1::FileFacts facts;
  facts.set_device(file.stat.device);
  facts.set_inode(file.stat.inode);
  facts.set_modified_unix_nanos(absl::ToUnixNanos(file.stat.modified));
  facts.set_user(ValidUtf8(dependencies_.user_name(file.stat.owner_uid)));

  const absl::Duration now = dependencies_.clock->Monotonic();
  if (now - mounts_read_ >= absl::Minutes(1)) {
    // Without it nothing is known to be shared, which is safe.
    const absl::StatusOr<std::string> mountinfo =
        ReadWholeFile(dependencies_.files, "/proc/self/mountinfo", kMountInfoBytesMax);
    mounts_ = mountinfo.ok() ? MountTable(*mountinfo) : MountTable();
    mounts_read_ = now;
    for (size_t i = 0; i < options_.logdirs.size(); ++i) {
      absl::StatusOr<std::string> real = dependencies_.files->RealPath(options_.logdirs[i].path);
      real_roots_[i] = real.ok() ? *std::move(real) : "";
    }
  }
  const std::string& root = real_roots_[static_cast<size_t>(file.root)];
  if (root.empty()) return facts;
  if (std::optional<NetworkPlace> place = mounts_.Find(JoinPath(root, file.relative_path))) {
    facts.set_network_source(ValidUtf8(place->source));
    facts.set_network_path(ValidUtf8(place->path));
  }
  return facts;
}

}  // namespace tributary::agent
