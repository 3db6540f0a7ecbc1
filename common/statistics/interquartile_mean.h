// The interquartile mean, a middle that one lucky or ruined seed does not move, and its
// bootstrap interval: Agarwal et al., "Deep reinforcement learning at the edge of the
// statistical precipice" (NeurIPS 2021), section 4.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/statistics/summary.h"

namespace tpsweep::statistics {

// The mean without the floor(n/4) smallest and as many of the largest of n values; of
// fewer than four the mean. Of one value or more.
double InterquartileMean(absl::Span<const double> values);

// Percentile bootstrap interval of the interquartile mean of all values of all strata:
// each of 2000 resamples draws from every stratum as many values as it has, with
// replacement. A stratum is what was sampled separately (a task, a data set); none is
// empty. Assumes that the values of a stratum are independent and of one distribution.
// Approximate: it is too narrow for few values (docs/statistics.md has figures). The same
// seed gives the same interval.
Interval InterquartileMeanInterval(absl::Span<const std::vector<double>> strata, double level,
                                   uint64_t seed);

}  // namespace tpsweep::statistics
