// How a value stands in the registry: its content, followed by a checksum. See FORMAT.md of the
// store.
#ifndef TRIBUTARY_COLLECTOR_REGISTRY_ROW_SEAL_H_
#define TRIBUTARY_COLLECTOR_REGISTRY_ROW_SEAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "collector/registry/registry.h"
#include "common/status_macros.h"

namespace tributary {

// The checksum covers the key too: a value that turns up under another key is as wrong as a flipped
// bit.
RegistryEntry SealRow(std::string key, std::string content);

// The content. DataLoss if the checksum does not hold. Valid as long as the entry.
absl::StatusOr<absl::string_view> UnsealRow(const RegistryEntry& entry);

// The content as a protocol buffer. DataLoss if checksum or message does not hold.
template <typename Message>
absl::StatusOr<Message> UnsealMessage(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const absl::string_view content, UnsealRow(entry));
  Message message;
  if (!message.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return absl::DataLossError(absl::StrCat("registry row ", entry.key, " cannot be parsed"));
  }
  return message;
}

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_REGISTRY_ROW_SEAL_H_
