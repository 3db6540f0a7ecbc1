#include "common/statistics/expected_best.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "common/statistics/distributions.h"

namespace tpsweep::statistics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> Sorted(absl::Span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// The smallest k in [0, trials] with P(B <= k) >= target (> target if `is_strict`).
int64_t FirstBinomial(int64_t trials, double probability, double target, bool is_strict) {
  int64_t low = 0, high = trials;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    const double cdf = BinomialCdf(middle, trials, probability);
    if (is_strict ? cdf > target : cdf >= target) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

std::vector<double> ExpectedBest(absl::Span<const double> values) {
  const std::vector<double> sorted = Sorted(values);
  const size_t count = sorted.size();
  std::vector<double> expected;
  for (size_t n = 1; n <= count; ++n) {
    // The share of subsets whose smallest is x[i+1]; from one i to the next C(N-i, n-1)
    // changes by the factor below.
    double weight = static_cast<double>(n) / static_cast<double>(count);
    double sum = 0;
    for (size_t i = 0; i + n <= count; ++i) {
      sum += weight * sorted[i];
      const size_t left = count - 1 - i;
      if (left == 0) break;
      weight *= static_cast<double>(left - (n - 1)) / static_cast<double>(left);
      if (weight == 0) break;
    }
    expected.push_back(sum);
  }
  return expected;
}

std::vector<Interval> MedianBestBand(absl::Span<const double> values, double level) {
  const std::vector<double> sorted = Sorted(values);
  const auto count = static_cast<int64_t>(sorted.size());
  const double tail = (1 - level) / 2;
  std::vector<Interval> band;
  for (int64_t n = 1; n <= count; ++n) {
    const double quantile = -std::expm1(-std::log(2.0) / static_cast<double>(n));
    // l: the largest with P(B <= l-1) <= tail. u: the smallest with P(B <= u-1) >= 1 - tail.
    const int64_t l = FirstBinomial(count, quantile, tail, true);
    const int64_t u = FirstBinomial(count, quantile, 1 - tail, false) + 1;
    band.push_back({l >= 1 ? sorted[static_cast<size_t>(l - 1)] : -kInfinity,
                    u <= count ? sorted[static_cast<size_t>(u - 1)] : kInfinity});
  }
  return band;
}

}  // namespace tpsweep::statistics
