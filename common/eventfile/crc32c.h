// CRC-32C (Castagnoli: reflected polynomial 0x82f63b78, initial value and final xor 0xffffffff), as
// in iSCSI, RFC 3720 appendix B.4; and the masking that TFRecord files apply to it.
#ifndef TRIBUTARY_COMMON_EVENTFILE_CRC32C_H_
#define TRIBUTARY_COMMON_EVENTFILE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tributary {

// The CRC of `data`. Short buffers use the processor's instruction where it has one, long ones
// ISA-L. Thread-safe.
uint32_t Crc32c(absl::string_view data);

// The CRC of a sequence whose first part has the CRC `crc` and whose rest is `data`.
// ExtendCrc32c(0, x) == Crc32c(x).
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data);

// The CRC of a sequence whose parts have the CRCs `first` and `second`, the second part being
// `second_bytes` long.
uint32_t ConcatCrc32c(uint32_t first, uint32_t second, uint64_t second_bytes);

// TFRecord stores rotate_right(crc, 15) + 0xa282ead8, so that a CRC over data with CRCs in it stays
// useful.
inline uint32_t MaskCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

namespace internal {

// The three ways there are, for the test that they agree and for the benchmark.
// Crc32cByInstruction is the table's where the processor has no instruction.
uint32_t Crc32cByTable(absl::string_view data);
uint32_t Crc32cByInstruction(absl::string_view data);
uint32_t Crc32cByIsal(absl::string_view data);

}  // namespace internal
}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_CRC32C_H_
