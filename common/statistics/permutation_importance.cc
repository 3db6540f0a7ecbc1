#include "common/statistics/permutation_importance.h"

#include <algorithm>
#include <cmath>

#include "common/random.h"
#include "common/statistics/summary.h"

namespace tpsweep::statistics {
namespace {

double Middle(const Column& column, absl::Span<const size_t> present) {
  if (present.empty()) return 0;
  if (column.categories > 0) {
    std::vector<int> counts(static_cast<size_t>(column.categories));
    for (const size_t row : present) ++counts[static_cast<size_t>(column.values[row])];
    return static_cast<double>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }
  std::vector<double> values;
  for (const size_t row : present) values.push_back(column.values[row]);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Mean squared error over the rows that have a prediction.
double SquaredError(const RandomForest& forest, absl::Span<const Column> columns,
                    absl::Span<const double> targets) {
  const std::vector<std::optional<double>> predictions = forest.OutOfBag(columns);
  double sum = 0;
  int count = 0;
  for (size_t row = 0; row < targets.size(); ++row) {
    if (!predictions[row]) continue;
    sum += (*predictions[row] - targets[row]) * (*predictions[row] - targets[row]);
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace

ForestImportance PermutationImportance(std::vector<Column> columns,
                                       absl::Span<const double> targets, uint64_t seed) {
  std::vector<std::vector<size_t>> present(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    for (size_t row = 0; row < targets.size(); ++row) {
      if (!std::isnan(columns[i].values[row])) present[i].push_back(row);
    }
    const double middle = Middle(columns[i], present[i]);
    for (double& value : columns[i].values) value = std::isnan(value) ? middle : value;
  }

  const double mean = Mean(targets);
  double variance = 0;
  for (const double target : targets) variance += (target - mean) * (target - mean);
  variance /= static_cast<double>(targets.size());

  const RandomForest forest(columns, targets, seed);
  const double error = SquaredError(forest, columns, targets);
  ForestImportance result{1 - error / variance, {}};
  for (size_t i = 0; i < columns.size(); ++i) {
    RandomStream random(DeriveSeed(DeriveSeed(seed, "exchange"), i));
    const std::vector<double> values = columns[i].values;
    std::vector<double> rises;
    for (int exchange = 0; exchange < kExchanges; ++exchange) {
      std::vector<size_t> from = present[i];
      for (size_t k = from.size(); k > 1; --k) {
        std::swap(from[k - 1], from[random.NextBelow(k)]);
      }
      for (size_t k = 0; k < from.size(); ++k) {
        columns[i].values[present[i][k]] = values[from[k]];
      }
      rises.push_back((SquaredError(forest, columns, targets) - error) / variance);
    }
    columns[i].values = values;
    result.columns.push_back({Mean(rises), SampleDeviation(rises).value_or(0)});
  }
  return result;
}

}  // namespace tpsweep::statistics
