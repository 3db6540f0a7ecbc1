#include "common/statistics/random_forest.h"

#include <algorithm>
#include <numeric>

#include "common/random.h"

namespace tpsweep::statistics {
namespace {

bool GoesLeft(const Column& column, double threshold, const std::vector<bool>& goes_left,
              double value) {
  return column.categories == 0 ? value <= threshold : goes_left[static_cast<size_t>(value)];
}

}  // namespace

// Grows one tree, from its root down.
class RandomForest::Grower {
 public:
  Grower(absl::Span<const Column> columns, absl::Span<const double> targets, uint64_t seed)
      : columns_(columns), targets_(targets), random_(seed), order_of_columns_(columns.size()) {
    std::iota(order_of_columns_.begin(), order_of_columns_.end(), size_t{0});
  }

  Tree Grow() {
    Tree tree{{}, std::vector<bool>(targets_.size())};
    std::vector<size_t> rows;
    for (size_t i = 0; i < targets_.size(); ++i) {
      rows.push_back(random_.NextBelow(targets_.size()));
      tree.has_seen[rows.back()] = true;
    }
    struct Open {
      size_t node;
      std::vector<size_t> rows;
    };
    std::vector<Open> open;
    tree.nodes.emplace_back();
    open.push_back({0, std::move(rows)});
    while (!open.empty()) {
      const Open at = std::move(open.back());
      open.pop_back();
      const Split split = BestSplit(at.rows);
      Node& node = tree.nodes[at.node];
      node.mean = MeanOf(at.rows);
      if (split.column < 0) continue;
      const Column& column = columns_[static_cast<size_t>(split.column)];
      std::vector<size_t> left, right;
      for (const size_t row : at.rows) {
        (GoesLeft(column, split.threshold, split.goes_left, column.values[row]) ? left : right)
            .push_back(row);
      }
      node.column = split.column;
      node.threshold = split.threshold;
      node.goes_left = split.goes_left;
      node.left = tree.nodes.size();
      node.right = node.left + 1;
      open.push_back({node.left, std::move(left)});
      open.push_back({node.right, std::move(right)});
      tree.nodes.resize(tree.nodes.size() + 2);
    }
    return tree;
  }

 private:
  struct Split {
    double gain = 1e-12;  // what rounding alone may give
    int column = -1;
    double threshold = 0;
    std::vector<bool> goes_left;
  };
  // Rows that stay together: one row of an ordered column, all of a category.
  struct Piece {
    double key;  // by which they are sorted
    double count, sum;
    size_t category;
  };

  double MeanOf(const std::vector<size_t>& rows) const {
    double sum = 0;
    for (const size_t row : rows) sum += targets_[row];
    return sum / static_cast<double>(rows.size());
  }

  Split BestSplit(const std::vector<size_t>& rows) {
    Split best;
    if (rows.size() < 2 * kMinLeaf) return best;
    const size_t tried = std::min(columns_.size(), std::max<size_t>(2, columns_.size() / 3));
    for (size_t i = 0; i < tried; ++i) {
      std::swap(order_of_columns_[i],
                order_of_columns_[i + random_.NextBelow(columns_.size() - i)]);
      const size_t column = order_of_columns_[i];
      if (columns_[column].categories == 0) {
        TryOrdered(rows, column, best);
      } else {
        TryCategories(rows, column, best);
      }
    }
    return best;
  }

  void TryOrdered(const std::vector<size_t>& rows, size_t column, Split& best) {
    pieces_.clear();
    for (const size_t row : rows) {
      pieces_.push_back({columns_[column].values[row], 1, targets_[row], 0});
    }
    SortPieces();
    if (const size_t end = BestCut(best); end > 0) {
      best.column = static_cast<int>(column);
      best.threshold = std::midpoint(pieces_[end - 1].key, pieces_[end].key);
      best.goes_left.clear();
    }
  }

  void TryCategories(const std::vector<size_t>& rows, size_t column, Split& best) {
    const auto categories = static_cast<size_t>(columns_[column].categories);
    std::vector<Piece> all(categories, {0, 0, 0, 0});
    for (const size_t row : rows) {
      Piece& piece = all[static_cast<size_t>(columns_[column].values[row])];
      piece.count += 1;
      piece.sum += targets_[row];
    }
    pieces_.clear();
    for (size_t category = 0; category < categories; ++category) {
      if (all[category].count == 0) continue;
      pieces_.push_back({all[category].sum / all[category].count, all[category].count,
                         all[category].sum, category});
    }
    SortPieces();
    if (const size_t end = BestCut(best); end > 0) {
      best.column = static_cast<int>(column);
      // Categories that are not among these rows go where most of the rows go.
      double left = 0;
      for (size_t i = 0; i < end; ++i) left += pieces_[i].count;
      best.goes_left.assign(categories, 2 * left > static_cast<double>(rows.size()));
      for (size_t i = 0; i < pieces_.size(); ++i) best.goes_left[pieces_[i].category] = i < end;
    }
  }

  // By key; those of one key in the order of the rows, which is fixed too.
  void SortPieces() {
    std::stable_sort(pieces_.begin(), pieces_.end(),
                     [](const Piece& a, const Piece& b) { return a.key < b.key; });
  }

  // How many of pieces_ go left in the cut that lowers the squared error most, if by more
  // than best.gain, which is then raised; else 0.
  size_t BestCut(Split& best) const {
    double count = 0, sum = 0;
    for (const Piece& piece : pieces_) {
      count += piece.count;
      sum += piece.sum;
    }
    double left_count = 0, left_sum = 0;
    size_t end = 0;
    for (size_t i = 0; i + 1 < pieces_.size(); ++i) {
      left_count += pieces_[i].count;
      left_sum += pieces_[i].sum;
      const double right_count = count - left_count, right_sum = sum - left_sum;
      if (pieces_[i].key == pieces_[i + 1].key || left_count < kMinLeaf || right_count < kMinLeaf) {
        continue;
      }
      const double gain = left_sum * left_sum / left_count + right_sum * right_sum / right_count -
                          sum * sum / count;
      if (gain > best.gain) {
        best.gain = gain;
        end = i + 1;
      }
    }
    return end;
  }

  const absl::Span<const Column> columns_;
  const absl::Span<const double> targets_;
  RandomStream random_;
  std::vector<size_t> order_of_columns_;
  std::vector<Piece> pieces_;
};

RandomForest::RandomForest(absl::Span<const Column> columns, absl::Span<const double> targets,
                           uint64_t seed) {
  const uint64_t key = DeriveSeed(seed, "forest");
  for (uint64_t i = 0; i < kTrees; ++i) {
    trees_.push_back(Grower(columns, targets, DeriveSeed(key, i)).Grow());
  }
}

double RandomForest::Predict(const Tree& tree, absl::Span<const Column> columns, size_t row) {
  const Node* node = &tree.nodes[0];
  while (node->column >= 0) {
    const Column& column = columns[static_cast<size_t>(node->column)];
    const bool left = GoesLeft(column, node->threshold, node->goes_left, column.values[row]);
    node = &tree.nodes[left ? node->left : node->right];
  }
  return node->mean;
}

std::vector<std::optional<double>> RandomForest::OutOfBag(absl::Span<const Column> columns) const {
  std::vector<std::optional<double>> predictions;
  for (size_t row = 0; row < columns[0].values.size(); ++row) {
    double sum = 0;
    int count = 0;
    for (const Tree& tree : trees_) {
      if (tree.has_seen[row]) continue;
      sum += Predict(tree, columns, row);
      ++count;
    }
    predictions.push_back(count == 0 ? std::nullopt : std::optional<double>(sum / count));
  }
  return predictions;
}

}  // namespace tpsweep::statistics
