// The registry's rows as values: keys, and the framing of what is stored under them. FORMAT.md.
#ifndef TRIBUTARY_COLLECTOR_STORE_ROWS_H_
#define TRIBUTARY_COLLECTOR_STORE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "collector/registry/registry.h"
#include "collector/store/store.h"
#include "common/eventfile/identity.h"
#include "common/types.h"

namespace tributary {

inline constexpr char kFormatKey[] = "format";
inline constexpr char kFormatValue[] = "1";
inline constexpr char kStoreIdKey[] = "store/id";
inline constexpr char kNextStreamKey[] = "store/next_stream";
inline constexpr char kStreamPrefix[] = "stream/";
inline constexpr char kMarkPrefix[] = "mark/";
inline constexpr char kAssetPrefix[] = "asset/";
inline constexpr char kNodePrefix[] = "node/";
inline constexpr char kSettingPrefix[] = "setting/";

// stream/<id>
struct StreamRow {
  StreamIdentity identity;
  RunName run;
  std::string run_why;
  absl::Time run_since;
  bool merge = false;
  std::string mirror_path;  // below the data directory
};

// mark/<id>
struct MarkRow {
  Generation generation;
  Fingerprint fingerprint;  // its offset is what is durable
  uint64_t boundary_offset = 0;
  bool framing_holds = true;
  std::vector<ByteRange> unfilled;
  std::vector<ByteRange> lost;
  bool aside_pending = false;
  std::vector<absl::Time> generation_starts;
};

// As the source has it, and the checksum of its bytes.
struct AssetVersion {
  uint64_t size_bytes = 0;
  int64_t modified_unix_nanos = 0;
  uint32_t crc32c = 0;
  friend bool operator==(const AssetVersion&, const AssetVersion&) = default;
};

// asset/<id>
struct AssetRow {
  StreamIdentity identity;
  RunName run;
  std::string run_why;
  absl::Time run_since;
  std::string mirror_path;  // below the data directory
  std::optional<AssetVersion> version;
  // When the mirror's inode was last written. Set with `version`.
  absl::Time stored;
};

// node/<name>
struct NodeRow {
  std::string wanted;
  std::string machine_id;
  std::string boot_id;
};

std::string StreamKey(StreamId id);
std::string MarkKey(StreamId id);
std::string AssetKey(StreamId id);
// The id in a key of any of these kinds. DataLoss if there is none.
absl::StatusOr<StreamId> IdOfKey(absl::string_view key, absl::string_view prefix);

RegistryEntry MakeEntry(StreamId id, const StreamRow& row);
RegistryEntry MakeEntry(StreamId id, const MarkRow& row);
RegistryEntry MakeEntry(StreamId id, const AssetRow& row);
RegistryEntry MakeEntry(absl::string_view node, const NodeRow& row);
// Of plain text: settings and the store's own facts.
RegistryEntry MakeTextEntry(std::string key, absl::string_view text);

// DataLoss if the entry's checksum or message does not hold.
absl::StatusOr<StreamRow> ParseStreamRow(const RegistryEntry& entry);
absl::StatusOr<MarkRow> ParseMarkRow(const RegistryEntry& entry);
absl::StatusOr<AssetRow> ParseAssetRow(const RegistryEntry& entry);
absl::StatusOr<NodeRow> ParseNodeRow(const RegistryEntry& entry);
absl::StatusOr<std::string> ParseText(const RegistryEntry& entry);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_STORE_ROWS_H_
