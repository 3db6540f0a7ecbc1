#include "server/search/domain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

constexpr double kAlmostOne = 1 - 0x1p-53;

v1::Parameter Parameter(const SpaceBuilder& builder) { return builder.Grid().space(0); }

std::vector<double> GridNumbers(const v1::Parameter& parameter) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < GridSize(parameter); ++i) {
    numbers.push_back(GridValue(parameter, i).number_value());
  }
  return numbers;
}

TEST(DomainTest, DrawsStayWithinTheEnds) {
  for (const auto& [low, high] : {std::pair(1e-5, 1e-2), {0.1, 0.3}, {1e-300, 1e300}}) {
    const v1::Parameter log = Parameter(SpaceBuilder().Log("p", low, high));
    const v1::Parameter linear = Parameter(SpaceBuilder().Linear("p", low, high));
    EXPECT_EQ(DrawValue(log, 0).number_value(), low);
    EXPECT_EQ(DrawValue(linear, 0).number_value(), low);
    for (const double u : {0x1p-53, 0.25, 0.5, kAlmostOne}) {
      for (const v1::Parameter& parameter : {log, linear}) {
        EXPECT_GE(DrawValue(parameter, u).number_value(), low);
        EXPECT_LE(DrawValue(parameter, u).number_value(), high);
      }
    }
  }
  // The widest interval there is does not overflow.
  const v1::Parameter widest = Parameter(SpaceBuilder().Linear("p", -1.7e308, 1.7e308));
  EXPECT_NEAR(DrawValue(widest, 0.5).number_value(), 0, 1e293);
}

TEST(DomainTest, TheMiddleOfALogIntervalIsTheGeometricMean) {
  const v1::Parameter parameter = Parameter(SpaceBuilder().Log("p", 1e-5, 1e-1));
  EXPECT_NEAR(DrawValue(parameter, 0.5).number_value(), 1e-3, 1e-15);
  EXPECT_NEAR(DrawValue(parameter, 0.25).number_value(), 1e-4, 1e-16);
}

TEST(DomainTest, WholeNumbersShareTheUnitIntervalEvenly) {
  const v1::Parameter parameter = Parameter(SpaceBuilder().Integer("p", -2, 1));
  const std::pair<double, double> expected[] = {
      {0, -2}, {0.2499, -2}, {0.25, -1}, {0.4999, -1}, {0.5, 0}, {0.75, 1}, {kAlmostOne, 1}};
  for (const auto& [u, number] : expected) {
    EXPECT_EQ(DrawValue(parameter, u).number_value(), number) << u;
  }
}

TEST(DomainTest, ChoicesAndBooleansShareTheUnitIntervalEvenly) {
  const v1::Parameter choice =
      Parameter(SpaceBuilder().Choice("p", {Text("a"), Text("b"), Text("c")}));
  EXPECT_EQ(DrawValue(choice, 0).string_value(), "a");
  EXPECT_EQ(DrawValue(choice, 0.34).string_value(), "b");
  EXPECT_EQ(DrawValue(choice, kAlmostOne).string_value(), "c");
  const v1::Parameter boolean = Parameter(SpaceBuilder().Boolean("p"));
  EXPECT_FALSE(DrawValue(boolean, 0.499).bool_value());
  EXPECT_TRUE(DrawValue(boolean, 0.5).bool_value());
}

TEST(DomainTest, GridsOfIntervalsHaveExactEnds) {
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Linear("p", 0.1, 0.3, 3))),
              testing::ElementsAre(0.1, testing::DoubleEq(0.2), 0.3));
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Log("p", 1e-5, 1e-2, 4))),
              testing::ElementsAre(1e-5, testing::DoubleNear(1e-4, 1e-18),
                                   testing::DoubleNear(1e-3, 1e-17), 1e-2));
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Log("p", 1e-5, 1e-2, 1))),
              testing::ElementsAre(1e-5));
}

TEST(DomainTest, GridsOfIntegersAreWholeAndDistinct) {
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Integer("p", -1, 2))),
              testing::ElementsAre(-1, 0, 1, 2));
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Integer("p", 1, 8, 3))),
              testing::ElementsAre(1, 5, 8));
  for (int64_t points = 2; points <= 17; ++points) {
    const std::vector<double> numbers =
        GridNumbers(Parameter(SpaceBuilder().Integer("p", 3, 19, points)));
    EXPECT_EQ(numbers.front(), 3);
    EXPECT_EQ(numbers.back(), 19);
    for (size_t i = 1; i < numbers.size(); ++i) {
      EXPECT_GT(numbers[i], numbers[i - 1]);
      EXPECT_EQ(numbers[i], std::trunc(numbers[i]));
    }
  }
}

}  // namespace
}  // namespace tpsweep::server
