#include "collector/store/rows.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collector/registry/row_seal.h"
#include "common/status_macros.h"
#include "tributary/store/v1/rows.pb.h"

namespace tributary {
namespace {

std::string NumberedKey(absl::string_view prefix, StreamId id) {
  return absl::StrCat(prefix, absl::Hex(id.value(), absl::kZeroPad16));
}

template <typename Repeated>
void AddRanges(const std::vector<ByteRange>& ranges, Repeated* out) {
  for (const ByteRange& range : ranges) {
    auto* added = out->Add();
    added->set_offset(range.offset);
    added->set_length(range.length_bytes);
  }
}

template <typename Repeated>
std::vector<ByteRange> ReadRanges(const Repeated& ranges) {
  std::vector<ByteRange> out;
  for (const auto& range : ranges) out.push_back({range.offset(), range.length()});
  return out;
}

absl::Status NamesNoMirror(const RegistryEntry& entry) {
  return absl::DataLossError(absl::StrCat("registry row ", entry.key, " names no mirror"));
}

}  // namespace

std::string StreamKey(StreamId id) { return NumberedKey(kStreamPrefix, id); }
std::string MarkKey(StreamId id) { return NumberedKey(kMarkPrefix, id); }
std::string AssetKey(StreamId id) { return NumberedKey(kAssetPrefix, id); }

absl::StatusOr<StreamId> IdOfKey(absl::string_view key, absl::string_view prefix) {
  uint64_t id = 0;
  if (!absl::StartsWith(key, prefix) || key.size() != prefix.size() + 16 ||
      !absl::SimpleHexAtoi(key.substr(prefix.size()), &id) || id == 0) {
    return absl::DataLossError(absl::StrCat("registry key ", key, " has no stream id"));
  }
  return StreamId(id);
}

RegistryEntry MakeEntry(StreamId id, const StreamRow& row) {
  store::v1::StreamRow message;
  message.set_node(row.identity.node);
  message.set_logdir_name(row.identity.logdir_name);
  message.set_path(row.identity.path);
  message.set_run(row.run.value());
  message.set_run_why(row.run_why);
  message.set_run_since_unix_nanos(absl::ToUnixNanos(row.run_since));
  message.set_merge(row.merge);
  message.set_mirror_path(row.mirror_path);
  return SealRow(StreamKey(id), message.SerializeAsString());
}

RegistryEntry MakeEntry(StreamId id, const MarkRow& row) {
  store::v1::MarkRow message;
  message.set_generation(row.generation.value());
  message.set_durable(row.fingerprint.offset);
  message.set_tail_crc32c(row.fingerprint.tail_crc32c);
  message.set_head_crc32c(row.fingerprint.head_crc32c);
  message.set_boundary(row.boundary_offset);
  message.set_framing_lost(!row.framing_holds);
  AddRanges(row.unfilled, message.mutable_unfilled());
  AddRanges(row.lost, message.mutable_lost());
  message.set_aside_pending(row.aside_pending);
  for (const absl::Time start : row.generation_starts) {
    message.add_generation_starts_unix_nanos(absl::ToUnixNanos(start));
  }
  return SealRow(MarkKey(id), message.SerializeAsString());
}

RegistryEntry MakeEntry(StreamId id, const AssetRow& row) {
  store::v1::AssetRow message;
  message.set_node(row.identity.node);
  message.set_logdir_name(row.identity.logdir_name);
  message.set_path(row.identity.path);
  message.set_run(row.run.value());
  message.set_run_why(row.run_why);
  message.set_run_since_unix_nanos(absl::ToUnixNanos(row.run_since));
  message.set_mirror_path(row.mirror_path);
  if (row.version.has_value()) {
    store::v1::AssetVersion* const version = message.mutable_version();
    version->set_size_bytes(row.version->size_bytes);
    version->set_modified_unix_nanos(row.version->modified_unix_nanos);
    version->set_crc32c(row.version->crc32c);
    message.set_stored_unix_nanos(absl::ToUnixNanos(row.stored));
  }
  return SealRow(AssetKey(id), message.SerializeAsString());
}

RegistryEntry MakeEntry(absl::string_view node, const NodeRow& row) {
  store::v1::NodeRow message;
  message.set_wanted(row.wanted);
  message.set_machine_id(row.machine_id);
  message.set_boot_id(row.boot_id);
  return SealRow(absl::StrCat(kNodePrefix, node), message.SerializeAsString());
}

RegistryEntry MakeTextEntry(std::string key, absl::string_view text) {
  return SealRow(std::move(key), std::string(text));
}

absl::StatusOr<StreamRow> ParseStreamRow(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::StreamRow>(entry));
  StreamRow row;
  row.identity = {message.node(), message.logdir_name(), message.path()};
  row.run = RunName(message.run());
  row.run_why = message.run_why();
  row.run_since = absl::FromUnixNanos(message.run_since_unix_nanos());
  row.merge = message.merge();
  row.mirror_path = message.mirror_path();
  if (!absl::StartsWith(row.mirror_path, "logdir/")) return NamesNoMirror(entry);
  return row;
}

absl::StatusOr<MarkRow> ParseMarkRow(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::MarkRow>(entry));
  MarkRow row;
  row.generation = Generation(message.generation());
  row.fingerprint = {message.durable(), message.tail_crc32c(), message.head_crc32c()};
  row.boundary_offset = message.boundary();
  row.framing_holds = !message.framing_lost();
  row.unfilled = ReadRanges(message.unfilled());
  row.lost = ReadRanges(message.lost());
  row.aside_pending = message.aside_pending();
  for (const int64_t nanos : message.generation_starts_unix_nanos()) {
    row.generation_starts.push_back(absl::FromUnixNanos(nanos));
  }
  if (row.boundary_offset > row.fingerprint.offset) {
    return absl::DataLossError(absl::StrCat("registry row ", entry.key, ": boundary ",
                                            row.boundary_offset, " is past the durable offset ",
                                            row.fingerprint.offset));
  }
  return row;
}

absl::StatusOr<AssetRow> ParseAssetRow(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::AssetRow>(entry));
  AssetRow row;
  row.identity = {message.node(), message.logdir_name(), message.path()};
  row.run = RunName(message.run());
  row.run_why = message.run_why();
  row.run_since = absl::FromUnixNanos(message.run_since_unix_nanos());
  row.mirror_path = message.mirror_path();
  if (message.has_version()) {
    row.version = {message.version().size_bytes(), message.version().modified_unix_nanos(),
                   message.version().crc32c()};
    row.stored = absl::FromUnixNanos(message.stored_unix_nanos());
  }
  if (!absl::StartsWith(row.mirror_path, "logdir/")) return NamesNoMirror(entry);
  return row;
}

absl::StatusOr<NodeRow> ParseNodeRow(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const auto message, UnsealMessage<store::v1::NodeRow>(entry));
  return NodeRow{message.wanted(), message.machine_id(), message.boot_id()};
}

absl::StatusOr<std::string> ParseText(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const absl::string_view content, UnsealRow(entry));
  return std::string(content);
}

}  // namespace tributary
