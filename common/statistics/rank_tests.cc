#include "common/statistics/rank_tests.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "common/statistics/distributions.h"
#include "common/statistics/ranks.h"

namespace tpsweep::statistics {
namespace {

constexpr size_t kMostExact = 50;

// Twice the smaller tail at `sum` of a distribution given as counts of each sum.
double TwoSided(absl::Span<const double> counts, int sum) {
  double all = 0, below = 0, above = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    all += counts[i];
    if (static_cast<int>(i) <= sum) below += counts[i];
    if (static_cast<int>(i) >= sum) above += counts[i];
  }
  return std::min(1.0, 2 * std::min(below, above) / all);
}

// The normal approximation, half a step nearer to the middle.
double TwoSidedNormal(double sum, double mean, double variance, double half_step) {
  return NormalTwoSided(std::max(0.0, std::abs(sum - mean) - half_step) / std::sqrt(variance));
}

// How many subsets of `size` ranks have each sum.
std::vector<double> SubsetSums(absl::Span<const int> ranks, size_t size) {
  const auto most = static_cast<size_t>(std::accumulate(ranks.begin(), ranks.end(), 0));
  std::vector<std::vector<double>> counts(size + 1, std::vector<double>(most + 1, 0));
  counts[0][0] = 1;
  for (const int rank : ranks) {
    const auto step = static_cast<size_t>(rank);
    for (size_t taken = size; taken >= 1; --taken) {
      for (size_t sum = most; sum >= step; --sum)
        counts[taken][sum] += counts[taken - 1][sum - step];
    }
  }
  return counts[size];
}

// How many subsets of any size have each sum.
std::vector<double> AllSubsetSums(absl::Span<const int> ranks) {
  const auto most = static_cast<size_t>(std::accumulate(ranks.begin(), ranks.end(), 0));
  std::vector<double> counts(most + 1, 0);
  counts[0] = 1;
  for (const int rank : ranks) {
    const auto step = static_cast<size_t>(rank);
    for (size_t sum = most; sum >= step; --sum) counts[sum] += counts[sum - step];
  }
  return counts;
}

}  // namespace

std::optional<RankTest> MannWhitneyTest(absl::Span<const double> a, absl::Span<const double> b) {
  if (a.empty() || b.empty()) return std::nullopt;
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  const Ranks of = RanksOf(all);
  const int sum = std::accumulate(of.doubled.begin(),
                                  of.doubled.begin() + static_cast<std::ptrdiff_t>(a.size()), 0);
  const auto na = static_cast<double>(a.size()), nb = static_cast<double>(b.size());
  const double n = na + nb;
  RankTest test{.p_value = 1, .superiority = (sum / 2.0 - na * (na + 1) / 2) / (na * nb)};
  if (all.size() <= kMostExact) {
    test.p_value = TwoSided(SubsetSums(of.doubled, a.size()), sum);
    return test;
  }
  const double variance = na * nb / 12 * (n + 1 - of.ties / (n * (n - 1)));
  if (variance > 0) {
    test.p_value = TwoSidedNormal(sum / 2.0, na * (n + 1) / 2, variance, 0.5);
  }
  return test;
}

std::optional<RankTest> SignedRankTest(absl::Span<const double> a, absl::Span<const double> b) {
  std::vector<double> sizes;
  std::vector<bool> is_positive;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    sizes.push_back(std::abs(a[i] - b[i]));
    is_positive.push_back(a[i] > b[i]);
  }
  if (sizes.empty()) return std::nullopt;
  const Ranks of = RanksOf(sizes);
  int sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) sum += is_positive[i] ? of.doubled[i] : 0;
  const auto n = static_cast<double>(sizes.size());
  RankTest test{.p_value = 1, .superiority = sum / (n * (n + 1))};
  if (sizes.size() <= kMostExact) {
    test.p_value = TwoSided(AllSubsetSums(of.doubled), sum);
    return test;
  }
  const double variance = n * (n + 1) * (2 * n + 1) / 24 - of.ties / 48;
  test.p_value = TwoSidedNormal(sum / 2.0, n * (n + 1) / 4, variance, 0.5);
  return test;
}

}  // namespace tpsweep::statistics
