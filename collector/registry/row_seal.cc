#include "collector/registry/row_seal.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/eventfile/crc32c.h"

namespace tributary {
namespace {

constexpr size_t kChecksumBytes = 4;

uint32_t Checksum(absl::string_view key, absl::string_view content) {
  return MaskCrc32c(ExtendCrc32c(Crc32c(key), content));
}

}  // namespace

RegistryEntry SealRow(std::string key, std::string content) {
  const uint32_t checksum = Checksum(key, content);
  for (int shift = 0; shift < 32; shift += 8) {
    content += static_cast<char>((checksum >> shift) & 0xff);
  }
  return {std::move(key), std::move(content)};
}

absl::StatusOr<absl::string_view> UnsealRow(const RegistryEntry& entry) {
  const absl::string_view value = entry.value;
  if (value.size() < kChecksumBytes) {
    return absl::DataLossError(absl::StrCat("registry row ", entry.key, " is too short"));
  }
  const absl::string_view content = value.substr(0, value.size() - kChecksumBytes);
  uint32_t stored = 0;
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    stored |= uint32_t{static_cast<uint8_t>(value[content.size() + i])} << (8 * i);
  }
  if (stored != Checksum(entry.key, content)) {
    return absl::DataLossError(absl::StrCat("registry row ", entry.key, " fails its checksum"));
  }
  return content;
}

}  // namespace tributary
