#include "server/search/sobol.h"

#include <array>

#include "common/random.h"
#include "server/search/search_space.h"

namespace tpsweep::server {
namespace {

constexpr int kDigits = 32;

// Degree s of the primitive polynomial, its inner coefficients a_1 ... a_{s-1} as
// the digits of `a`, and the first s direction numbers m_i.
struct Direction {
  uint32_t s;
  uint32_t a;
  std::array<uint32_t, 8> m;
};

// From the second dimension on; the first is van der Corput's sequence.
constexpr Direction kDirections[kSobolDimensions - 1] = {
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
    {7, 7, {1, 1, 3, 13, 7, 35, 63}},
    {7, 8, {1, 3, 5, 9, 1, 25, 53}},
    {7, 14, {1, 3, 1, 13, 9, 35, 107}},
    {7, 19, {1, 3, 1, 5, 27, 61, 31}},
    {7, 21, {1, 1, 5, 11, 19, 41, 61}},
    {7, 28, {1, 3, 5, 3, 3, 13, 69}},
    {7, 31, {1, 1, 7, 13, 1, 19, 1}},
    {7, 32, {1, 3, 7, 5, 13, 19, 59}},
    {7, 37, {1, 1, 3, 9, 25, 29, 41}},
    {7, 41, {1, 3, 5, 13, 23, 1, 55}},
    {7, 42, {1, 3, 7, 3, 13, 59, 17}},
    {7, 50, {1, 3, 1, 3, 5, 53, 69}},
    {7, 55, {1, 1, 5, 5, 23, 33, 13}},
    {7, 56, {1, 1, 7, 7, 1, 61, 123}},
    {7, 59, {1, 1, 7, 9, 13, 61, 49}},
    {7, 62, {1, 3, 3, 5, 3, 55, 33}},
    {8, 14, {1, 3, 1, 15, 31, 13, 49, 245}},
    {8, 21, {1, 3, 5, 15, 31, 59, 63, 97}},
    {8, 22, {1, 3, 1, 11, 11, 11, 77, 249}},
};

using Matrix = std::array<uint32_t, kDigits>;

// v_i = m_i / 2^i, as a binary fraction, by the recurrence
// m_i = 2 a_1 m_{i-1} ^ ... ^ 2^{s-1} a_{s-1} m_{i-s+1} ^ 2^s m_{i-s} ^ m_{i-s}.
constexpr Matrix MakeMatrix(int dimension) {
  Matrix v{};
  if (dimension == 0) {
    for (uint32_t i = 0; i < kDigits; ++i) v[i] = 1U << (31 - i);
    return v;
  }
  const Direction& direction = kDirections[dimension - 1];
  const uint32_t s = direction.s;
  for (uint32_t i = 0; i < s; ++i) v[i] = direction.m[i] << (31 - i);
  for (uint32_t i = s; i < kDigits; ++i) {
    v[i] = v[i - s] ^ (v[i - s] >> s);
    for (uint32_t k = 1; k < s; ++k) {
      if ((direction.a >> (s - 1 - k) & 1) != 0) v[i] ^= v[i - k];
    }
  }
  return v;
}

constexpr std::array<Matrix, kSobolDimensions> MakeMatrices() {
  std::array<Matrix, kSobolDimensions> all{};
  for (int d = 0; d < kSobolDimensions; ++d) all[static_cast<size_t>(d)] = MakeMatrix(d);
  return all;
}

constexpr std::array<Matrix, kSobolDimensions> kMatrices = MakeMatrices();

}  // namespace

uint32_t SobolDigits(int dimension, uint32_t index) {
  const uint32_t gray = index ^ (index >> 1);
  uint32_t digits = 0;
  for (size_t i = 0; i < kDigits; ++i) {
    if ((gray >> i & 1) != 0) digits ^= kMatrices[static_cast<size_t>(dimension)][i];
  }
  return digits;
}

double ScrambledSobol(uint64_t key, int dimension, uint32_t index) {
  if (dimension >= kSobolDimensions) {
    return UniformAt(key, index, static_cast<uint32_t>(dimension), 0);
  }
  const uint64_t of_dimension = DeriveSeed(key, static_cast<uint64_t>(dimension));
  const uint32_t digits = SobolDigits(dimension, index);
  uint32_t scrambled = 0;
  for (int digit = 0; digit < kDigits; ++digit) {
    // The digits before this one, behind a leading 1 that tells their number.
    const uint64_t before = (uint64_t{1} << digit) | (uint64_t{digits} >> (kDigits - digit));
    const uint32_t shift = static_cast<uint32_t>(kDigits - 1 - digit);
    const uint32_t flip = Philox(of_dimension, {static_cast<uint32_t>(before),
                                                static_cast<uint32_t>(before >> 32), 0, 0})[0] &
                          1U;
    scrambled |= ((digits >> shift & 1U) ^ flip) << shift;
  }
  return (static_cast<double>(scrambled) + 0.5) * 0x1p-32;
}

}  // namespace tpsweep::server
