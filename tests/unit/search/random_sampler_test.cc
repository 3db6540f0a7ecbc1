// What independent draws must be, whoever draws them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/fakes/search_run.h"
#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

// The first parameter's value in each of `trials` trials.
std::vector<double> Draw(const SpaceBuilder& space, int64_t trials) {
  Search search(SpaceBuilder(space).Repeats().Random(trials));
  std::vector<double> numbers;
  for (const v1::Trial& trial : RunToEnd(search)) {
    numbers.push_back(trial.parameters(0).value().number_value());
  }
  return numbers;
}

// Kolmogorov-Smirnov distance from the uniform distribution on [0, 1].
double DistanceFromUniform(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const auto n = static_cast<double>(numbers.size());
  double distance = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto rank = static_cast<double>(i);
    distance = std::max({distance, numbers[i] - rank / n, (rank + 1) / n - numbers[i]});
  }
  return distance;
}

TEST(RandomSamplerTest, LogDrawsAreUniformInTheLogarithm) {
  constexpr int64_t kTrials = 4000;
  std::vector<double> numbers = Draw(SpaceBuilder().Log("p", 1e-5, 1e-1), kTrials);
  for (double& number : numbers) number = (std::log10(number) + 5) / 4;
  // Exceeded by one seed in 1000.
  EXPECT_LT(DistanceFromUniform(numbers), 1.95 / std::sqrt(kTrials));
}

TEST(RandomSamplerTest, LinearDrawsAreUniform) {
  constexpr int64_t kTrials = 4000;
  std::vector<double> numbers = Draw(SpaceBuilder().Linear("p", -3, 1), kTrials);
  for (double& number : numbers) number = (number + 3) / 4;
  EXPECT_LT(DistanceFromUniform(numbers), 1.95 / std::sqrt(kTrials));
}

TEST(RandomSamplerTest, WholeNumbersAreEquallyLikelyEndsIncluded) {
  constexpr int64_t kTrials = 8000;
  std::map<double, double> counts;
  for (const double number : Draw(SpaceBuilder().Integer("p", 1, 8), kTrials)) ++counts[number];
  ASSERT_EQ(counts.size(), 8);
  const double expected = kTrials / 8.0;
  double chi_square = 0;
  for (const auto& [number, count] : counts) {
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 24.3);  // 7 degrees of freedom: exceeded by one seed in 1000
  EXPECT_NEAR(counts[1], expected, 0.15 * expected);
  EXPECT_NEAR(counts[8], expected, 0.15 * expected);
}

TEST(RandomSamplerTest, ParametersAreIndependent) {
  constexpr int64_t kTrials = 4000;
  Search search(SpaceBuilder().Linear("a", -1, 1).Linear("b", -1, 1).Random(kTrials));
  double correlation = 0;
  for (const v1::Trial& trial : RunToEnd(search)) {
    correlation += 3 * NumberOf(trial, "a") * NumberOf(trial, "b");
  }
  EXPECT_LT(std::abs(correlation / kTrials), 3.3 / std::sqrt(kTrials));
}

TEST(RandomSamplerTest, SeedsDiffer) {
  const SpaceBuilder space = SpaceBuilder().Linear("p", 0, 1);
  const std::vector<double> one = Draw(space, 20);
  EXPECT_EQ(Draw(SpaceBuilder(space).Seed(1), 20), one);
  const std::vector<double> two = Draw(SpaceBuilder(space).Seed(2), 20);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_NE(one[i], two[i]) << i;
}

TEST(RandomSamplerTest, MoreTrialsKeepTheFirstOnes) {
  const SpaceBuilder space = SpaceBuilder().Linear("p", 0, 1);
  std::vector<double> many = Draw(space, 100);
  many.resize(10);
  EXPECT_EQ(Draw(space, 10), many);
}

TEST(RandomSamplerTest, AnAbsentParameterDoesNotShiftTheOthers) {
  const auto with = [](std::vector<google::protobuf::Value> values) {
    Search search(SpaceBuilder()
                      .Boolean("a")
                      .Linear("b", 0, 1)
                      .When("a", std::move(values))
                      .Linear("c", 0, 1)
                      .Random(20));
    return RunToEnd(search);
  };
  const std::vector<v1::Trial> one = with({Bool(true)});
  const std::vector<v1::Trial> other = with({Bool(false)});
  ASSERT_EQ(one.size(), 20);
  for (size_t n = 0; n < 20; ++n) {
    EXPECT_EQ(NumberOf(one[n], "c"), NumberOf(other[n], "c"));
    EXPECT_NE(one[n].parameters_size(), other[n].parameters_size());
  }
}

}  // namespace
}  // namespace tpsweep::server
