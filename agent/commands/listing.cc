#include "agent/commands/listing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

// Takes every watch and tells nothing.
class CountingNotifier : public ChangeNotifier {
 public:
  absl::Status Watch(const std::string&) override {
    ++watches;
    return absl::OkStatus();
  }
  void Unwatch(const std::string&) override {}
  std::vector<std::string> Changes(bool*) override { return {}; }
  int descriptor() const override { return -1; }

  uint64_t watches = 0;
};

bool IsSideFile(absl::string_view path) { return !IsEventFileName(BaseName(path)); }

// The version that is durable is the file as it was listed, or a later one.
bool HasVersion(const TailedFile& file, const ingest::v1::StreamDescription& stream) {
  if (!stream.has_asset()) return false;
  const int64_t modified = absl::ToUnixNanos(file.stat.modified);
  return stream.asset().modified_unix_nanos() > modified ||
         (stream.asset().modified_unix_nanos() == modified &&
          stream.asset().size_bytes() == file.stat.size_bytes);
}

ingest::v1::DescribeNodeRequest RequestOf(const AgentConfig& config, const NodeFacts& node) {
  ingest::v1::DescribeNodeRequest request;
  *request.mutable_node() = ToProto(node, config);
  for (const Logdir& logdir : config.logdirs) request.add_logdir_names(ValidUtf8(logdir.name));
  return request;
}

void LeaveOutLarger(uint64_t bytes_max, LocalFiles* local) {
  for (auto it = local->files.begin(); it != local->files.end();) {
    const auto& [key, file] = *it;
    if (!IsSideFile(key.second) || file.stat.size_bytes <= bytes_max) {
      ++it;
      continue;
    }
    local->left_out.push_back(absl::StrCat("left out: ", key.second, ": ", file.stat.size_bytes,
                                           " bytes, a side file has at most ", bytes_max));
    it = local->files.erase(it);
  }
}

}  // namespace

void KeepWhatIsTaken(const KeptStreams& kept, LocalFiles* local) {
  if (!kept.asset_bytes_max.has_value()) return;
  if (*kept.asset_bytes_max > 0) {
    LeaveOutLarger(*kept.asset_bytes_max, local);
    return;
  }
  const size_t removed =
      std::erase_if(local->files, [](const auto& file) { return IsSideFile(file.first.second); });
  if (removed > 0) {
    local->left_out.push_back(
        absl::StrCat("left out: ", removed, " side files, which this collector does not take"));
  }
}

uint64_t DurableOf(const TailedFile& file, const ingest::v1::StreamDescription& stream) {
  if (!IsSideFile(file.relative_path)) return std::min(stream.durable(), file.stat.size_bytes);
  return HasVersion(file, stream) ? file.stat.size_bytes : 0;
}

bool IsDurable(const TailedFile& file, const ingest::v1::StreamDescription& stream) {
  return IsSideFile(file.relative_path) ? HasVersion(file, stream)
                                        : stream.durable() >= file.stat.size_bytes;
}

LocalFiles ListLocalFiles(const AgentConfig& config, const World& world, Listed listed) {
  SideFiles::Options which = SideFilesOf(config);
  if (listed == Listed::kEventFiles) {
    which.projector = false;
    which.plugins = false;
  }
  SideFiles side_files(which);
  Tailer::Options options;
  options.side_files = &side_files;
  for (const Logdir& logdir : config.logdirs) {
    options.roots.push_back(logdir.path);
    options.patterns.push_back(logdir.Pattern());
  }
  CountingNotifier notifier;
  Tailer tailer(options, {.files = world.files, .clock = world.clock, .notifier = &notifier});
  LocalFiles local;
  for (const TailedFileId id : side_files.Poll(&tailer)) {
    const TailedFile& file = tailer.file(id);
    const Logdir& logdir = config.logdirs[static_cast<size_t>(file.root)];
    if (!file.error.ok()) {
      local.problems.push_back(
          absl::StrCat(JoinPath(logdir.path, file.relative_path), ": ", file.error.message()));
    }
    if (file.present) local.files.emplace(StreamKey(logdir.name, file.relative_path), file);
  }
  local.directories = notifier.watches;
  LeaveOutLarger(which.bytes_max, &local);
  for (const UnlistedDirectory& directory : tailer.TakeNewlyUnlisted()) {
    local.problems.push_back(
        absl::StrCat("cannot list ", directory.error.message(), ": what is in it is not known"));
  }
  return local;
}

absl::Status ExpectStore(const AgentConfig& config, const std::string& store_id) {
  if (config.store.empty() || store_id == config.store) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the collector at ", config.collector,
                                                    " has the store ", store_id, ", not ",
                                                    config.store, " as --store says"));
}

absl::StatusOr<KeptStreams> AskCollector(const AgentConfig& config, const NodeFacts& node,
                                         absl::Duration timeout, const World& world,
                                         AskedNode asked) {
  KeptStreams kept;
  ingest::v1::DescribeNodeRequest request = RequestOf(config, node);
  request.set_foresee(asked == AskedNode::kForeseen);
  do {
    absl::StatusOr<ingest::v1::DescribeNodeResponse> page =
        world.describe(config, request, timeout);
    if (absl::IsNotFound(page.status())) return kept;
    RETURN_IF_ERROR(page.status());
    RETURN_IF_ERROR(ExpectStore(config, page->store_id()));
    kept.node = page->node();
    kept.agents.assign(page->agents().begin(), page->agents().end());
    kept.asset_bytes_max = page->asset_bytes_max();
    for (ingest::v1::StreamDescription& stream : *page->mutable_streams()) {
      StreamKey key(stream.logdir_name(), stream.path());
      kept.streams.insert_or_assign(std::move(key), std::move(stream));
    }
    request.set_after(page->next());
  } while (!request.after().empty());
  return kept;
}

absl::StatusOr<std::map<std::string, RunAtCollector>> AskRuns(
    const AgentConfig& config, const NodeFacts& node, const std::string& kept_node,
    const std::set<std::string>& runs, absl::Duration timeout, const World& world) {
  // Of one question: well below what the collector takes.
  constexpr int kNames = 1'000;
  std::map<std::string, RunAtCollector> there;
  for (auto run = runs.begin(); run != runs.end();) {
    ingest::v1::DescribeNodeRequest request = RequestOf(config, node);
    if (!kept_node.empty()) request.mutable_node()->set_name(kept_node);
    for (; run != runs.end() && request.runs_size() < kNames; ++run) request.add_runs(*run);
    absl::StatusOr<ingest::v1::DescribeNodeResponse> answer =
        world.describe(config, request, timeout);
    // One that does not know the question may say that it does not know the node.
    if (absl::IsNotFound(answer.status())) answer = ingest::v1::DescribeNodeResponse();
    RETURN_IF_ERROR(answer.status());
    for (int i = 0; i < request.runs_size(); ++i) {
      RunAtCollector& one = there[request.runs(i)];
      const bool named = answer->shown_as_size() == request.runs_size();
      one.shown_as = named ? answer->shown_as(i) : request.runs(i);
      if (answer->runs_size() == request.runs_size()) one.description = answer->runs(i);
    }
  }
  return there;
}

std::string StateName(ingest::v1::SourceState state) {
  switch (state) {
    case ingest::v1::SOURCE_STATE_SHORTER:
      return "source_shorter";
    case ingest::v1::SOURCE_STATE_GONE:
      return "source_gone";
    case ingest::v1::SOURCE_STATE_UNREADABLE:
      return "unreadable";
    default:
      return "live";
  }
}

}  // namespace tributary::agent
