// The distribution functions that the tests and intervals of this room need: thin
// names for those of Boost.Math. Pure functions; arguments out of range give NaN.
#pragma once

#include <cstdint>

namespace tpsweep::statistics {

// P(|T| > |t|) of Student's t with `degrees` > 0 degrees of freedom.
double StudentTwoSided(double t, double degrees);

// The t with P(T <= t) = `probability`, 0 < probability < 1.
double StudentQuantile(double probability, double degrees);

// P(|Z| > |z|) of the standard normal.
double NormalTwoSided(double z);

// P(B <= k) of the successes B in `trials` tries, each with `probability`.
double BinomialCdf(int64_t k, int64_t trials, double probability);

}  // namespace tpsweep::statistics
