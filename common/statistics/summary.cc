#include "common/statistics/summary.h"

#include <cmath>

#include "common/statistics/distributions.h"

namespace tpsweep::statistics {

double Mean(absl::Span<const double> values) {
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  return mean;
}

std::optional<double> SampleDeviation(absl::Span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::optional<Interval> StudentInterval(absl::Span<const double> values, double level) {
  const std::optional<double> deviation = SampleDeviation(values);
  if (!deviation) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  const double half = StudentQuantile((1 + level) / 2, count - 1) * *deviation / std::sqrt(count);
  const double mean = Mean(values);
  return Interval{mean - half, mean + half};
}

}  // namespace tpsweep::statistics
