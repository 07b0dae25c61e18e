#include "agent/commands/listing.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace tributary::agent {

LocalFiles ListLocalFiles(const AgentConfig& config, const World& world) {
  Tailer::Options options;
  for (const Logdir& logdir : config.logdirs) options.roots.push_back(logdir.path);
  Tailer tailer(options, {.files = world.files, .clock = world.clock, .notifier = nullptr});
  LocalFiles local;
  for (const TailedFileId id : tailer.Poll()) {
    const TailedFile& file = tailer.file(id);
    const Logdir& logdir = config.logdirs[static_cast<size_t>(file.root)];
    if (!file.error.ok()) {
      local.problems.push_back(
          absl::StrCat(JoinPath(logdir.path, file.relative_path), ": ", file.error.message()));
    }
    if (file.present) local.files.emplace(StreamKey(logdir.name, file.relative_path), file);
  }
  for (size_t root = 0; root < config.logdirs.size(); ++root) {
    if (!tailer.listing_complete(static_cast<int>(root)) &&
        world.files->Stat(config.logdirs[root].path).ok()) {
      local.problems.push_back(
          absl::StrCat(config.logdirs[root].path, ": some of it could not be listed"));
    }
  }
  return local;
}

absl::StatusOr<KeptStreams> AskCollector(const AgentConfig& config, const NodeFacts& node,
                                         absl::Duration timeout, const World& world) {
  KeptStreams kept;
  ingest::v1::DescribeNodeRequest request;
  *request.mutable_node() = ToProto(node, config);
  for (const Logdir& logdir : config.logdirs) {
    request.add_logdir_names(ValidUtf8(logdir.name));
  }
  do {
    absl::StatusOr<ingest::v1::DescribeNodeResponse> page =
        world.describe(config, request, timeout);
    if (absl::IsNotFound(page.status())) return kept;
    RETURN_IF_ERROR(page.status());
    if (!config.store.empty() && page->store_id() != config.store) {
      return absl::FailedPreconditionError(
          absl::StrCat("the collector at ", config.collector, " has the store ", page->store_id(),
                       ", not ", config.store, " as --store says"));
    }
    kept.node = page->node();
    for (ingest::v1::StreamDescription& stream : *page->mutable_streams()) {
      StreamKey key(stream.logdir_name(), stream.path());
      kept.streams.insert_or_assign(std::move(key), std::move(stream));
    }
    request.set_after(page->next());
  } while (!request.after().empty());
  return kept;
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
