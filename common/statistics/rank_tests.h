// The same questions as t_tests.h without the assumption of normal values: tests over
// ranks, which outliers do not move.
//
// Pure functions. The distribution of the rank sum is exact, given the ties, for up to 50
// values (or pairs), and the normal approximation corrected for ties beyond.
#pragma once

#include <optional>

#include "absl/types/span.h"

namespace tpsweep::statistics {

struct RankTest {
  double p_value;  // two-sided: twice the smaller tail
  // P(A > B) + P(A = B) / 2 of one value of each side; of pairs, the share of the rank sum
  // in which a is larger. 1/2: no difference.
  double superiority;
};

// Of independent samples: Mann and Whitney, "On a test of whether one of two random
// variables is stochastically larger than the other", Annals of Mathematical Statistics 18
// (1947). Assumes independent values; tests whether both have one distribution. Nothing if
// a side is empty.
std::optional<RankTest> MannWhitneyTest(absl::Span<const double> a, absl::Span<const double> b);

// Of the differences a[i] - b[i]: Wilcoxon, "Individual comparisons by ranking methods",
// Biometrics Bulletin 1 (1945); pairs without a difference are left out, as there. Assumes
// independent differences whose distribution is symmetric; tests whether it is about 0.
// Nothing if no pair differs.
std::optional<RankTest> SignedRankTest(absl::Span<const double> a, absl::Span<const double> b);

}  // namespace tpsweep::statistics
