#include "common/eventfile/crc32c.h"

#include <array>
#include <cstddef>

#include "common/little_endian.h"
#include "isa-l/crc.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace tributary {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;

// Up to here one chain of CRC instructions (8 bytes each 3 cycles) beats ISA-L's start-up.
constexpr size_t kShortBytesMax = 200;

// ISA-L takes an int.
constexpr size_t kIsalBytesMax = size_t{1} << 30;

constexpr std::array<uint32_t, 256> MakeByteTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kByteTable = MakeByteTable();

// All functions named Raw work on the register itself: neither complemented before nor after.

uint32_t RawByTable(uint32_t raw, const char* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    raw = (raw >> 8) ^ kByteTable[(raw ^ static_cast<uint8_t>(data[i])) & 0xff];
  }
  return raw;
}

#if defined(__x86_64__)

// Read before its initialisation (by another static) it is false, and the table is used.
const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;

__attribute__((target("sse4.2"))) uint32_t RawByInstruction(uint32_t raw, const char* data,
                                                            size_t size) {
  uint64_t wide = raw;
  for (; size >= 8; size -= 8, data += 8)
    wide = _mm_crc32_u64(wide, LoadLittleEndian<uint64_t>(data));
  raw = static_cast<uint32_t>(wide);
  if ((size & 4) != 0) {
    raw = _mm_crc32_u32(raw, LoadLittleEndian<uint32_t>(data));
    data += 4;
  }
  if ((size & 2) != 0) {
    raw = _mm_crc32_u16(raw, LoadLittleEndian<uint16_t>(data));
    data += 2;
  }
  if ((size & 1) != 0) raw = _mm_crc32_u8(raw, static_cast<uint8_t>(*data));
  return raw;
}

#elif defined(__aarch64__)

constexpr unsigned long kHwcapCrc32 = 1ul << 7;  // HWCAP_CRC32 of <asm/hwcap.h>
const bool has_instruction = (getauxval(AT_HWCAP) & kHwcapCrc32) != 0;

__attribute__((target("+crc"))) uint32_t RawByInstruction(uint32_t raw, const char* data,
                                                          size_t size) {
  for (; size >= 8; size -= 8, data += 8) raw = __crc32cd(raw, LoadLittleEndian<uint64_t>(data));
  for (; size > 0; --size, ++data) raw = __crc32cb(raw, static_cast<uint8_t>(*data));
  return raw;
}

#else

constexpr bool has_instruction = false;
uint32_t RawByInstruction(uint32_t raw, const char* data, size_t size) {
  return RawByTable(raw, data, size);
}

#endif

// ISA-L chooses by processor on its own, and has a portable version too.
uint32_t RawByIsal(uint32_t raw, const char* data, size_t size) {
  while (size > 0) {
    const size_t part = size < kIsalBytesMax ? size : kIsalBytesMax;
    // The parameter lacks a const; the bytes are only read.
    raw = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(data)),
                      static_cast<int>(part), raw);
    data += part;
    size -= part;
  }
  return raw;
}

uint32_t Raw(uint32_t raw, absl::string_view data) {
  if (data.size() > kShortBytesMax) return RawByIsal(raw, data.data(), data.size());
  if (has_instruction) return RawByInstruction(raw, data.data(), data.size());
  return RawByTable(raw, data.data(), data.size());
}

// The product of two polynomials modulo the CRC's. Bit 31 is the coefficient of x^0.
constexpr uint32_t MultiplyModulo(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = uint32_t{1} << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
  }
  return product;
}

// [k] is x^(8 * 2^k) modulo the polynomial: what 2^k zero bytes multiply a register by.
constexpr std::array<uint32_t, 64> MakeZeroBytePowers() {
  std::array<uint32_t, 64> powers{};
  uint32_t power = uint32_t{1} << 23;  // x^8
  for (uint32_t& slot : powers) {
    slot = power;
    power = MultiplyModulo(power, power);
  }
  return powers;
}
constexpr std::array<uint32_t, 64> kZeroBytePowers = MakeZeroBytePowers();

}  // namespace

uint32_t Crc32c(absl::string_view data) { return ~Raw(0xffffffff, data); }

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data) { return ~Raw(~crc, data); }

uint32_t ConcatCrc32c(uint32_t first, uint32_t second, uint64_t second_bytes) {
  // CRC is linear but for the initial value and the final complement, and these two cancel out in
  // first * x^(8 * second_bytes) + second.
  for (size_t k = 0; second_bytes != 0; ++k, second_bytes >>= 1) {
    if ((second_bytes & 1) != 0) first = MultiplyModulo(kZeroBytePowers[k], first);
  }
  return first ^ second;
}

namespace internal {

uint32_t Crc32cByTable(absl::string_view data) {
  return ~RawByTable(0xffffffff, data.data(), data.size());
}

uint32_t Crc32cByInstruction(absl::string_view data) {
  return has_instruction ? ~RawByInstruction(0xffffffff, data.data(), data.size())
                         : Crc32cByTable(data);
}

uint32_t Crc32cByIsal(absl::string_view data) {
  return ~RawByIsal(0xffffffff, data.data(), data.size());
}

}  // namespace internal
}  // namespace tributary
