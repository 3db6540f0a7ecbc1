// A random forest for regression: Breiman, "Random forests", Machine Learning 45 (2001).
//
// Each tree grows on a bootstrap sample of the rows until no split of at least kMinLeaf
// rows a side lowers the squared error; a split looks at a third of the columns, two at
// least, drawn anew. An ordered column is split at a threshold, the categories of a
// categorical one by their mean target (Breiman et al., "Classification and regression
// trees", 1984, section 8.8: for squared errors no other split of them is better).
//
// Immutable once grown, so thread-safe. The same table, targets and seed give the same
// forest.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace tpsweep::statistics {

struct Column {
  std::vector<double> values;  // one a row, finite
  // 0: ordered. Otherwise the values are categories 0 .. categories-1.
  int categories = 0;
};

class RandomForest {
 public:
  static constexpr int kTrees = 100;
  static constexpr int kMinLeaf = 2;

  // One column or more, all as long as `targets`, which has one value or more.
  RandomForest(absl::Span<const Column> columns, absl::Span<const double> targets, uint64_t seed);

  // For each row of `columns`, which are those it grew on or other values in their places:
  // the mean prediction of the trees that did not grow on the row; nothing if all did.
  std::vector<std::optional<double>> OutOfBag(absl::Span<const Column> columns) const;

 private:
  struct Node {
    int column = -1;  // -1: a leaf
    double threshold = 0;
    std::vector<bool> goes_left;  // by category
    size_t left = 0, right = 0;
    double mean = 0;
  };
  struct Tree {
    std::vector<Node> nodes;
    std::vector<bool> has_seen;  // by row
  };
  class Grower;

  static double Predict(const Tree& tree, absl::Span<const Column> columns, size_t row);

  std::vector<Tree> trees_;
};

}  // namespace tpsweep::statistics
