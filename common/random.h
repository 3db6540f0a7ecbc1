// Counter-based random numbers: Philox4x32-10 of Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011).
//
// A number is a pure function of (key, position): there is no generator to
// share, advance or save, so any thread may draw any part of a stream in any
// order, and a run that was interrupted draws what it would have drawn.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace tpsweep {

// The 128 random bits at `counter` of the stream `key`.
std::array<uint32_t, 4> Philox(uint64_t key, std::array<uint32_t, 4> counter);

// Mixes `value` into `seed`: a new key that shares no structure with its parents.
uint64_t DeriveSeed(uint64_t seed, uint64_t value);

// The same for a purpose ("shuffle", "noise").
uint64_t DeriveSeed(uint64_t seed, absl::string_view purpose);

// A stream of numbers read in order, for code that is not parallel.
class RandomStream {
 public:
  explicit RandomStream(uint64_t key) : key_(key) {}

  uint32_t NextBits32();
  uint64_t NextBits64();
  // Uniform in [0, 1), 53 bits.
  double NextUniform();
  // Standard normal.
  double NextNormal();
  // Uniform in [0, n), unbiased. n > 0.
  uint64_t NextBelow(uint64_t n);

 private:
  uint64_t key_;
  uint64_t block_ = 0;
  int used_ = 4;
  std::array<uint32_t, 4> bits_{};
};

}  // namespace tpsweep
