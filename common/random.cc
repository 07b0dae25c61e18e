#include "common/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "common/check.h"

namespace tributary {

std::string Random::Hex(int hex_digits) {
  std::string hex;
  while (static_cast<int>(hex.size()) < hex_digits) {
    hex.push_back("0123456789abcdef"[Next() >> 60]);
  }
  return hex;
}

SeededRandom::SeededRandom(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    word = z ^ (z >> 31);
  }
}

uint64_t SeededRandom::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t SystemRandom::Next() {
  uint64_t word = 0;
  ssize_t got = 0;
  do {
    got = getrandom(&word, sizeof(word), 0);
  } while (got < 0 && errno == EINTR);
  CHECK(got == sizeof(word), "getrandom gave ", got, " bytes of 8, errno ", errno);
  return word;
}

}  // namespace tributary
