// Ranks, with the mean rank for ties.
#pragma once

#include <vector>

#include "absl/types/span.h"

namespace tpsweep::statistics {

struct Ranks {
  std::vector<int> doubled;  // twice the rank of each value, from 1 on, so that all are whole
  double ties = 0;           // sum of t^3 - t over the groups of t equal values
};

// No value is NaN; infinities are the smallest and largest.
Ranks RanksOf(absl::Span<const double> values);

}  // namespace tpsweep::statistics
