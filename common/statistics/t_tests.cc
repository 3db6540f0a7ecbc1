#include "common/statistics/t_tests.h"

#include <cmath>
#include <vector>

#include "common/statistics/distributions.h"

namespace tpsweep::statistics {
namespace {

// The effect size times J(m) of Hedges, which makes it unbiased; the standard deviation has
// `m` degrees of freedom.
std::optional<double> EffectSize(double difference, double deviation, double m) {
  if (m < 2) return std::nullopt;
  const double correction =
      std::exp(std::lgamma(m / 2) - std::lgamma((m - 1) / 2)) / std::sqrt(m / 2);
  return correction * difference / deviation;
}

TTest MakeTest(double difference, double error, double degrees, double level,
               std::optional<double> effect_size) {
  const double half = StudentQuantile((1 + level) / 2, degrees) * error;
  const double t = difference / error;
  return {.difference = difference,
          .interval = {difference - half, difference + half},
          .t = t,
          .degrees = degrees,
          .p_value = StudentTwoSided(t, degrees),
          .effect_size = effect_size};
}

}  // namespace

std::optional<TTest> WelchTest(absl::Span<const double> a, absl::Span<const double> b,
                               double level) {
  const std::optional<double> sa = SampleDeviation(a), sb = SampleDeviation(b);
  if (!sa || !sb || *sa + *sb == 0) return std::nullopt;
  const auto na = static_cast<double>(a.size()), nb = static_cast<double>(b.size());
  const double va = *sa * *sa / na, vb = *sb * *sb / nb;
  const double degrees = (va + vb) * (va + vb) / (va * va / (na - 1) + vb * vb / (nb - 1));
  const double pooled = std::sqrt(((na - 1) * *sa * *sa + (nb - 1) * *sb * *sb) / (na + nb - 2));
  const double difference = Mean(a) - Mean(b);
  return MakeTest(difference, std::sqrt(va + vb), degrees, level,
                  EffectSize(difference, pooled, na + nb - 2));
}

std::optional<TTest> PairedTTest(absl::Span<const double> a, absl::Span<const double> b,
                                 double level) {
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  const std::optional<double> deviation = SampleDeviation(differences);
  if (!deviation || *deviation == 0) return std::nullopt;
  const auto count = static_cast<double>(a.size());
  const double difference = Mean(differences);
  return MakeTest(difference, *deviation / std::sqrt(count), count - 1, level,
                  EffectSize(difference, *deviation, count - 1));
}

}  // namespace tpsweep::statistics
