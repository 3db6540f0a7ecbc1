// Which columns a target depends on: permutation importance over a random forest (Breiman,
// "Random forests", Machine Learning 45, 2001, section 10).
//
// Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/statistics/random_forest.h"

namespace tpsweep::statistics {

struct Importance {
  // How much the squared error of predictions for rows that trees did not grow on rises when
  // the values of the column are exchanged between rows at random, over the variance of
  // the targets: 0 if the forest does not need the column (or slightly below, by chance).
  // Mean and standard deviation of kExchanges exchanges.
  double mean = 0;
  double deviation = 0;
};

struct ForestImportance {
  // 1 - squared error over variance, of the same predictions: 1 if they are right, 0 if they
  // are no better than the mean of all targets. Importances of a forest that does not predict
  // mean nothing.
  double r_squared = 0;
  std::vector<Importance> columns;
};

inline constexpr int kExchanges = 10;

// A value that is not a number says that the column does not exist in the row. The forest
// sees there the middle of the others (their median, or their most frequent category), which
// tells it as little as may be, and values are exchanged only among the rows that have one.
// Columns that are related share their importance, and each by itself seems to have less.
// `targets` has two different values or more. The same seed gives the same importances.
ForestImportance PermutationImportance(std::vector<Column> columns,
                                       absl::Span<const double> targets, uint64_t seed);

}  // namespace tpsweep::statistics
