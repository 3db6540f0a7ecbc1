// What a handful of values says about the quantity behind them. Pure functions.
#pragma once

#include <optional>

#include "absl/types/span.h"

namespace tpsweep::statistics {

struct Interval {
  double low;
  double high;
};

// Of one value or more.
double Mean(absl::Span<const double> values);

// Sample standard deviation, with n - 1; of two values or more.
std::optional<double> SampleDeviation(absl::Span<const double> values);

// Student's confidence interval of the mean, mean ± t s / sqrt(n) with the quantile t of
// n - 1 degrees of freedom ("Student", Biometrika 6, 1908). It covers the mean with
// probability `level` if the values are independent and normally distributed, and nearly
// so for many values of any distribution. Of two values or more.
std::optional<Interval> StudentInterval(absl::Span<const double> values, double level);

}  // namespace tpsweep::statistics
