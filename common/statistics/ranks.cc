#include "common/statistics/ranks.h"

#include <algorithm>
#include <numeric>

namespace tpsweep::statistics {

Ranks RanksOf(absl::Span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return values[i] < values[j]; });
  Ranks result{std::vector<int>(values.size())};
  for (size_t first = 0; first < order.size();) {
    size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    // Ranks first+1 .. end: twice their mean.
    for (size_t i = first; i < end; ++i) {
      result.doubled[order[i]] = static_cast<int>(first + 1 + end);
    }
    const auto equal = static_cast<double>(end - first);
    result.ties += equal * equal * equal - equal;
    first = end;
  }
  return result;
}

}  // namespace tpsweep::statistics
