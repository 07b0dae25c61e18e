#include "collector/ingest/message_check.h"

#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tributary {
namespace {

using ingest::v1::RefusalReason;

MessageRefusal Protocol(std::string detail) {
  return {ingest::v1::REFUSAL_REASON_PROTOCOL, std::move(detail)};
}

MessageRefusal Limit(absl::string_view what, uint64_t value, uint64_t bound) {
  return {ingest::v1::REFUSAL_REASON_LIMIT,
          absl::StrCat(what, " is ", value, ", at most ", bound, " allowed")};
}

std::optional<MessageRefusal> CheckNode(const ingest::v1::NodeFacts& node,
                                        const SessionLimits& limits) {
  if (node.name().empty()) return Protocol("node.name is empty");
  if (absl::StrContains(node.name(), '/')) return Protocol("node.name holds a '/'");
  const std::pair<absl::string_view, const std::string*> facts[] = {
      {"node.name", &node.name()},
      {"node.host_name", &node.host_name()},
      {"node.machine_id", &node.machine_id()},
      {"node.boot_id", &node.boot_id()}};
  for (const auto& [name, value] : facts) {
    if (value->size() > limits.fact_bytes_max) {
      return Limit(absl::StrCat("length of ", name), value->size(), limits.fact_bytes_max);
    }
  }
  if (node.labels_size() > static_cast<int>(limits.labels_max)) {
    return Limit("number of labels", static_cast<uint64_t>(node.labels_size()), limits.labels_max);
  }
  for (const auto& [key, value] : node.labels()) {
    if (key.size() > limits.fact_bytes_max || value.size() > limits.fact_bytes_max) {
      return Limit("length of a label", std::max(key.size(), value.size()), limits.fact_bytes_max);
    }
  }
  return std::nullopt;
}

std::optional<MessageRefusal> CheckLogdirs(const ingest::v1::Hello& hello,
                                           const SessionLimits& limits) {
  if (hello.logdirs_size() > static_cast<int>(limits.logdirs_max)) {
    return Limit("number of logdirs", static_cast<uint64_t>(hello.logdirs_size()),
                 limits.logdirs_max);
  }
  absl::flat_hash_set<absl::string_view> names;
  for (const ingest::v1::Logdir& logdir : hello.logdirs()) {
    if (logdir.name().size() > limits.path_bytes_max ||
        logdir.path().size() > limits.path_bytes_max) {
      return Limit("length of a logdir", std::max(logdir.name().size(), logdir.path().size()),
                   limits.path_bytes_max);
    }
    if (absl::StrContains(logdir.name(), '/')) return Protocol("a logdir name holds a '/'");
    if (!names.insert(logdir.name()).second) {
      return Protocol(absl::StrCat("logdir name '", logdir.name(), "' is given twice"));
    }
  }
  return std::nullopt;
}

}  // namespace

void FillVersion(const AssetVersion& version, ingest::v1::AssetVersion* out) {
  out->set_size_bytes(version.size_bytes);
  out->set_modified_unix_nanos(version.modified_unix_nanos);
  out->set_crc32c(version.crc32c);
}

std::optional<MessageRefusal> CheckHello(const ingest::v1::Hello& hello, absl::string_view store_id,
                                         const SessionLimits& limits) {
  if (hello.protocol_version() < 1) {
    return MessageRefusal{ingest::v1::REFUSAL_REASON_VERSION,
                          absl::StrCat("protocol version ", hello.protocol_version(),
                                       ", this collector speaks 1 to ", kProtocolVersion)};
  }
  if (!hello.store_id().empty() && hello.store_id() != store_id) {
    return MessageRefusal{ingest::v1::REFUSAL_REASON_WRONG_STORE,
                          absl::StrCat("the store at this address is ", store_id, ", not ",
                                       absl::CHexEscape(hello.store_id().substr(0, 64)),
                                       " as the agent was told with --store")};
  }
  if (hello.agent_nonce().empty()) return Protocol("agent_nonce is empty");
  if (hello.agent_nonce().size() > limits.fact_bytes_max) {
    return Limit("length of agent_nonce", hello.agent_nonce().size(), limits.fact_bytes_max);
  }
  if (hello.agent_version().size() > limits.fact_bytes_max) {
    return Limit("length of agent_version", hello.agent_version().size(), limits.fact_bytes_max);
  }
  if (auto refusal = CheckNode(hello.node(), limits); refusal.has_value()) return refusal;
  return CheckLogdirs(hello, limits);
}

std::optional<MessageRefusal> CheckOpen(const ingest::v1::Open& open, const SessionLimits& limits) {
  const bool is_asset = open.kind() == ingest::v1::STREAM_KIND_ASSET && limits.asset_bytes_max > 0;
  if (open.kind() != ingest::v1::STREAM_KIND_EVENT && !is_asset) {
    return MessageRefusal{
        ingest::v1::REFUSAL_REASON_UNSUPPORTED,
        absl::StrCat("stream kind ", static_cast<int>(open.kind()), " is not taken")};
  }
  const auto bad_path = [](std::string detail) {
    return MessageRefusal{ingest::v1::REFUSAL_REASON_PATH, std::move(detail)};
  };
  if (open.path().size() > limits.path_bytes_max) {
    return Limit("length of the path", open.path().size(), limits.path_bytes_max);
  }
  if (open.run().size() > limits.path_bytes_max) {
    return Limit("length of the run name", open.run().size(), limits.path_bytes_max);
  }
  if (open.run_why().size() > limits.path_bytes_max) {
    return Limit("length of run_why", open.run_why().size(), limits.path_bytes_max);
  }
  if (open.run().empty()) return bad_path("the run name is empty");
  if (open.path().empty()) return bad_path("the path is empty");
  if (absl::StrContains(open.path(), '\0')) return bad_path("the path holds a NUL");
  for (const absl::string_view part : absl::StrSplit(open.path(), '/')) {
    if (part.empty() || part == "." || part == "..") {
      return bad_path(absl::StrCat("the path has the component '", part, "'"));
    }
  }
  return std::nullopt;
}

std::optional<MessageRefusal> CheckAssetPart(const ingest::v1::AssetPart& part,
                                             const SessionLimits& limits) {
  if (part.data().size() > limits.chunk_bytes_max) {
    return Limit("payload of a part", part.data().size(), limits.chunk_bytes_max);
  }
  const bool of_empty_file = part.last() && part.version().size_bytes() == 0;
  if (part.data().empty() && !of_empty_file) return Protocol("a part holds no bytes");
  return std::nullopt;
}

std::optional<MessageRefusal> CheckChunk(const ingest::v1::Chunk& chunk,
                                         const SessionLimits& limits, uint64_t* bytes) {
  *bytes = 0;
  if (chunk.slices_size() > static_cast<int>(limits.chunk_slices_max)) {
    return Limit("number of slices in a chunk", static_cast<uint64_t>(chunk.slices_size()),
                 limits.chunk_slices_max);
  }
  for (const ingest::v1::Slice& slice : chunk.slices()) {
    if (slice.data().empty()) return Protocol("a slice holds no bytes");
    *bytes += slice.data().size();
    if (slice.offset() > std::numeric_limits<int64_t>::max() - slice.data().size()) {
      return Limit("offset of a slice", slice.offset(), std::numeric_limits<int64_t>::max());
    }
  }
  if (*bytes > limits.chunk_bytes_max) {
    return Limit("payload of a chunk", *bytes, limits.chunk_bytes_max);
  }
  return std::nullopt;
}

}  // namespace tributary
