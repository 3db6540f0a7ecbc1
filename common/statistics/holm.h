// The correction of p-values of several comparisons: Holm, "A simple sequentially rejective
// multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
#pragma once

#include <vector>

#include "absl/types/span.h"

namespace tpsweep::statistics {

// Adjusted p-values, in the order of `p_values`: those below a level are rejected at that
// level, with a probability of any false rejection of at most the level, however the tests
// depend on each other. With m of them sorted, p[1] <= ... <= p[m], the adjusted one of p[i]
// is the largest of min(1, (m - j + 1) p[j]) over j <= i.
std::vector<double> HolmAdjusted(absl::Span<const double> p_values);

}  // namespace tpsweep::statistics
