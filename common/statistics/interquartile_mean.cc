#include "common/statistics/interquartile_mean.h"

#include <algorithm>
#include <cmath>

#include "common/random.h"

namespace tpsweep::statistics {
namespace {

constexpr int kResamples = 2000;

double OfSorted(absl::Span<const double> sorted) {
  const size_t cut = sorted.size() / 4;
  return Mean(sorted.subspan(cut, sorted.size() - 2 * cut));
}

// Linear between the two nearest of the sorted values.
double Quantile(absl::Span<const double> sorted, double probability) {
  const double at = probability * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

}  // namespace

double InterquartileMean(absl::Span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return OfSorted(sorted);
}

Interval InterquartileMeanInterval(absl::Span<const std::vector<double>> strata, double level,
                                   uint64_t seed) {
  RandomStream random(DeriveSeed(seed, "bootstrap"));
  std::vector<double> means, sample;
  for (int resample = 0; resample < kResamples; ++resample) {
    sample.clear();
    for (const std::vector<double>& stratum : strata) {
      for (size_t i = 0; i < stratum.size(); ++i) {
        sample.push_back(stratum[random.NextBelow(stratum.size())]);
      }
    }
    std::sort(sample.begin(), sample.end());
    means.push_back(OfSorted(sample));
  }
  std::sort(means.begin(), means.end());
  return {Quantile(means, (1 - level) / 2), Quantile(means, (1 + level) / 2)};
}

}  // namespace tpsweep::statistics
