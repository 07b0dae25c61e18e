// The random seam: jitter, nonces, and the simulation's choices come from here.
#ifndef TRIBUTARY_COMMON_RANDOM_H_
#define TRIBUTARY_COMMON_RANDOM_H_

#include <cstdint>
#include <string>

namespace tributary {

// Not thread-safe: each owner has its own.
class Random {
 public:
  virtual ~Random() = default;
  // Uniform over all 64-bit values.
  virtual uint64_t Next() = 0;

  // Uniform in [0, bound). `bound` > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  // `hex_digits` random lower-case hexadecimal digits.
  std::string Hex(int hex_digits);
};

// xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64. Repeatable, not for secrets.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  uint64_t Next() override;

 private:
  uint64_t state_[4];
};

// Unpredictable, from the kernel.
class SystemRandom : public Random {
 public:
  uint64_t Next() override;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_RANDOM_H_
