#include "common/eventfile/tfrecord_writer.h"

#include <cstdint>

#include "common/eventfile/crc32c.h"
#include "common/little_endian.h"

namespace tributary {

void AppendTfRecord(absl::string_view payload, std::string* out) {
  const size_t header = out->size();
  AppendLittleEndian<uint64_t>(payload.size(), out);
  AppendLittleEndian<uint32_t>(MaskCrc32c(Crc32c(absl::string_view(*out).substr(header))), out);
  out->append(payload.data(), payload.size());
  AppendLittleEndian<uint32_t>(MaskCrc32c(Crc32c(payload)), out);
}

}  // namespace tributary
