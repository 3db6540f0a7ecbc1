#include "common/spec/ranking.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace tpsweep::spec {
namespace {

using ::testing::ElementsAre;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

v1::StudySpec SpecWithBounds(std::vector<double> bounds) {
  v1::StudySpec spec;
  for (const double bound : bounds) spec.add_constraints()->set_at_most(bound);
  return spec;
}

v1::Trial TrialWith(std::optional<double> objective, std::vector<double> constraints) {
  v1::Trial trial;
  if (objective) trial.set_objective(*objective);
  trial.mutable_constraints()->Add(constraints.begin(), constraints.end());
  return trial;
}

TEST(ViolationTest, IsWhatIsAboveTheBoundsInPartsOfThem) {
  const v1::StudySpec spec = SpecWithBounds({2, -4});
  const auto violation = [&](std::vector<double> values) {
    return Violation(spec.constraints(), TrialWith(1, values));
  };
  EXPECT_EQ(violation({2, -4}), 0) << "a bound may be reached";
  EXPECT_EQ(violation({-100, -100}), 0);
  EXPECT_EQ(violation({3, -4}), 0.5);
  EXPECT_EQ(violation({3, -3}), 0.75);
  EXPECT_TRUE(std::isnan(violation({0})));
  EXPECT_TRUE(std::isnan(violation({0, kNan})));
  EXPECT_EQ(Violation({}, TrialWith(1, {})), 0);
}

TEST(RankTest, ConstraintsComeBeforeTheObjective) {
  v1::StudySpec spec = SpecWithBounds({1});
  const std::vector<v1::Trial> trials = {
      TrialWith(0.1, {5}),           // breaks it
      TrialWith(0.2, {1.5}),         // breaks it less
      TrialWith(0.4, {0}),           // keeps it
      TrialWith(0.3, {1}),           // keeps it
      TrialWith(std::nullopt, {0}),  // has no objective
      TrialWith(0, {kNan}),          // has no constraint
      TrialWith(kNan, {0}),
  };
  const auto order = [&] {
    std::vector<size_t> numbers = {0, 1, 2, 3, 4, 5, 6};
    std::stable_sort(numbers.begin(), numbers.end(), [&](size_t a, size_t b) {
      return RankOf(spec, trials[a]) < RankOf(spec, trials[b]);
    });
    return numbers;
  };
  EXPECT_THAT(order(), ElementsAre(3, 2, 1, 0, 4, 5, 6));
  spec.mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
  EXPECT_THAT(order(), ElementsAre(2, 3, 1, 0, 4, 5, 6));
}

}  // namespace
}  // namespace tpsweep::spec
