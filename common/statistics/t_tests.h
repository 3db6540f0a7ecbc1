// Whether two groups of values have the same mean: Student's test for pairs, Welch's where
// there are none.
//
// Pure functions. Nothing comes back where nothing can be tested: fewer than two values (or
// pairs), or no spread at all.
#pragma once

#include <optional>

#include "absl/types/span.h"
#include "common/statistics/summary.h"

namespace tpsweep::statistics {

struct TTest {
  double difference;  // mean of a minus mean of b
  Interval interval;  // of that difference, at the level asked for
  double t;
  double degrees;
  double p_value;  // two-sided
  // Of a over b, in standard deviations; nothing for two pairs, of which no unbiased one
  // can be had.
  std::optional<double> effect_size;
};

// Welch's test of independent samples, whose variances may differ (Welch, "The
// generalization of 'Student's' problem when several different population variances are
// involved", Biometrika 34, 1947). Assumes normal distributions. The effect size is g of
// Hedges ("Distribution theory for Glass's estimator of effect size and related estimators",
// 1981): the difference over the pooled standard deviation, corrected for few values.
std::optional<TTest> WelchTest(absl::Span<const double> a, absl::Span<const double> b,
                               double level);

// Student's test of the differences a[i] - b[i]; as many of the one as of the other.
// Assumes that the differences are normally distributed and independent. The effect size is
// their mean over their standard deviation with the same correction: not the scale of
// WelchTest's.
std::optional<TTest> PairedTTest(absl::Span<const double> a, absl::Span<const double> b,
                                 double level);

}  // namespace tpsweep::statistics
