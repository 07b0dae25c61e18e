// Fixed-width little-endian integers in bytes, as event files and our own formats have them.
#ifndef TRIBUTARY_COMMON_LITTLE_ENDIAN_H_
#define TRIBUTARY_COMMON_LITTLE_ENDIAN_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace tributary {

// Both processor families we build for are little-endian; a copy is then the whole conversion.
static_assert(std::endian::native == std::endian::little);

// Reads the sizeof(T) bytes at `bytes`, which need no alignment.
template <typename T>
inline T LoadLittleEndian(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

template <typename T>
inline void AppendLittleEndian(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_LITTLE_ENDIAN_H_
