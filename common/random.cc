#include "common/random.h"

#include <cmath>
#include <numbers>

namespace tpsweep {

std::array<uint32_t, 4> Philox(uint64_t key, std::array<uint32_t, 4> counter) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53;
  constexpr uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9;
  constexpr uint32_t kWeyl1 = 0xBB67AE85;
  auto k0 = static_cast<uint32_t>(key);
  auto k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = kMultiplier0 * counter[0];
    const uint64_t p1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return counter;
}

uint64_t DeriveSeed(uint64_t seed, uint64_t value) {
  const auto bits = Philox(
      seed, {static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32), 0x73656564, 0});
  return (static_cast<uint64_t>(bits[1]) << 32) | bits[0];
}

uint64_t DeriveSeed(uint64_t seed, absl::string_view purpose) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : purpose) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return DeriveSeed(seed, hash);
}

uint32_t RandomStream::NextBits32() {
  if (used_ == 4) {
    bits_ =
        Philox(key_, {static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), 0, 0});
    ++block_;
    used_ = 0;
  }
  return bits_[static_cast<size_t>(used_++)];
}

uint64_t RandomStream::NextBits64() {
  const uint64_t low = NextBits32();
  return (static_cast<uint64_t>(NextBits32()) << 32) | low;
}

double RandomStream::NextUniform() { return static_cast<double>(NextBits64() >> 11) * 0x1p-53; }

double RandomStream::NextNormal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-NextUniform()));
  return radius * std::cos(2.0 * std::numbers::pi * NextUniform());
}

uint64_t RandomStream::NextBelow(uint64_t n) {
  // Rejects the part of the range that would make small numbers likelier.
  const uint64_t unfair = (0 - n) % n;
  uint64_t bits = NextBits64();
  while (bits < unfair) bits = NextBits64();
  return bits % n;
}

}  // namespace tpsweep
