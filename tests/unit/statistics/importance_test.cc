#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/random.h"
#include "common/statistics/permutation_importance.h"
#include "common/statistics/random_forest.h"

namespace tpsweep::statistics {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> Uniform(RandomStream& random, int rows) {
  std::vector<double> values;
  for (int i = 0; i < rows; ++i) values.push_back(random.NextUniform());
  return values;
}

std::vector<double> Categories(RandomStream& random, int rows, uint64_t count) {
  std::vector<double> values;
  for (int i = 0; i < rows; ++i) values.push_back(static_cast<double>(random.NextBelow(count)));
  return values;
}

TEST(RandomForest, PredictsRowsItsTreesHaveNotSeen) {
  RandomStream random(1);
  const std::vector<Column> columns = {{Uniform(random, 300)}, {Categories(random, 300, 5), 5}};
  std::vector<double> targets;
  const double of_category[] = {0, 3, 1, 2, 3};  // not in the order of the categories
  for (size_t i = 0; i < 300; ++i) {
    targets.push_back(std::sin(6 * columns[0].values[i]) +
                      of_category[static_cast<size_t>(columns[1].values[i])]);
  }
  const RandomForest forest(columns, targets, 1);
  const auto predictions = forest.OutOfBag(columns);
  double error = 0;
  for (size_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(predictions[i].has_value());
    error += std::pow(*predictions[i] - targets[i], 2) / 300;
  }
  EXPECT_LT(error, 0.1) << "the variance of the targets is about 2";
}

TEST(RandomForest, TheSameSeedGrowsTheSameForest) {
  RandomStream random(2);
  const std::vector<Column> columns = {{Uniform(random, 40)}, {Uniform(random, 40)}};
  const std::vector<double> targets = Uniform(random, 40);
  const auto once = RandomForest(columns, targets, 5).OutOfBag(columns);
  EXPECT_EQ(RandomForest(columns, targets, 5).OutOfBag(columns), once);
  EXPECT_NE(RandomForest(columns, targets, 6).OutOfBag(columns), once);
}

TEST(RandomForest, OfEqualTargetsOrOneRowPredictsTheirMean) {
  const std::vector<Column> columns = {{{1, 2, 3, 4, 5, 6}}};
  for (const auto& prediction : RandomForest(columns, {{7, 7, 7, 7, 7, 7}}, 1).OutOfBag(columns)) {
    EXPECT_EQ(prediction.value_or(7), 7);
  }
  const std::vector<Column> one = {{{1}}};
  EXPECT_FALSE(RandomForest(one, std::vector<double>{3}, 1).OutOfBag(one)[0].has_value());
}

// Of Ishigami's kind: one strong column, one weak one, and one that does nothing.
TEST(PermutationImportance, RanksColumnsByWhatTheyDo) {
  RandomStream random(3);
  const std::vector<Column> columns = {
      {Uniform(random, 400)}, {Uniform(random, 400)}, {Uniform(random, 400)}};
  std::vector<double> targets;
  for (size_t i = 0; i < 400; ++i) {
    targets.push_back(3 * columns[1].values[i] + columns[0].values[i]);
  }
  const ForestImportance importance = PermutationImportance(columns, targets, 1);
  EXPECT_GT(importance.r_squared, 0.8);
  EXPECT_GT(importance.columns[1].mean, 3 * importance.columns[0].mean);
  EXPECT_GT(importance.columns[0].mean, 5 * std::abs(importance.columns[2].mean));
  EXPECT_GT(importance.columns[0].deviation, 0);
}

TEST(PermutationImportance, OfNoiseHasNoFit) {
  RandomStream random(4);
  const std::vector<Column> columns = {{Uniform(random, 200)}, {Uniform(random, 200)}};
  const ForestImportance importance = PermutationImportance(columns, Uniform(random, 200), 1);
  EXPECT_LT(importance.r_squared, 0.1);
}

// Column 1 exists only where column 0 is category 1, and matters there; column 2 exists
// there too, and matters nowhere though its presence tells the category.
TEST(PermutationImportance, ConditionalColumnsAreJudgedWhereTheyExist) {
  RandomStream random(5);
  std::vector<Column> columns = {
      {Categories(random, 400, 2), 2}, {Uniform(random, 400)}, {Uniform(random, 400)}};
  std::vector<double> targets;
  for (size_t i = 0; i < 400; ++i) {
    const bool exists = columns[0].values[i] == 1;
    targets.push_back(exists ? 1 + columns[1].values[i] : 0.5);
    if (!exists) columns[1].values[i] = columns[2].values[i] = kNan;
  }
  const ForestImportance importance = PermutationImportance(columns, targets, 1);
  EXPECT_GT(importance.r_squared, 0.8);
  EXPECT_GT(importance.columns[0].mean, importance.columns[1].mean);
  EXPECT_GT(importance.columns[1].mean, 0.05);
  EXPECT_LT(importance.columns[2].mean, 0.05);
}

TEST(PermutationImportance, AColumnThatNeverExistsOrNeverChangesHasNone) {
  RandomStream random(6);
  const std::vector<double> values = Uniform(random, 50);
  const std::vector<Column> columns = {{values},
                                       {std::vector<double>(50, kNan)},
                                       {std::vector<double>(50, kNan), 3},
                                       {std::vector<double>(50, 2.0)}};
  const ForestImportance importance = PermutationImportance(columns, values, 1);
  EXPECT_GT(importance.columns[0].mean, 0.5);
  for (const size_t i : {1u, 2u, 3u}) {
    EXPECT_EQ(importance.columns[i].mean, 0);
    EXPECT_EQ(importance.columns[i].deviation, 0);
  }
}

}  // namespace
}  // namespace tpsweep::statistics
