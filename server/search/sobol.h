// Sobol's sequence: points that fill the unit cube more evenly than random ones.
//
// I. M. Sobol, "On the distribution of points in a cube" (1967), with the primitive
// polynomials and direction numbers of S. Joe and F. Y. Kuo, "Constructing Sobol
// sequences with better two-dimensional projections" (SIAM J. Sci. Comput. 30, 2008);
// scrambled as A. B. Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences"
// (1995): each digit is flipped or not, depending on all digits before it, which
// keeps the evenness of every prefix of length 2^k and makes the points unbiased.
//
// Pure functions, so thread-safe.
#pragma once

#include <cstdint>

namespace tpsweep::server {

constexpr int kSobolDimensions = 40;

// The coordinate of point `index` in `dimension`, in [0, kSobolDimensions), as a
// binary fraction of 32 digits. Indices run in Gray code order, as is usual: the
// first points are 0, 1/2, 3/4, 1/4.
uint32_t SobolDigits(int dimension, uint32_t index);

// The same scrambled by `key`, in (0, 1). Dimensions beyond the last are independent
// uniform draws.
double ScrambledSobol(uint64_t key, int dimension, uint32_t index);

}  // namespace tpsweep::server
