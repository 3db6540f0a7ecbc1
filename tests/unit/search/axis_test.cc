#include "server/search/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using google::protobuf::Value;

constexpr double kAlmostOne = 1 - 0x1p-53;

v1::Parameter Parameter(const SpaceBuilder& builder) { return builder.Grid().space(0); }

Value DrawValue(const v1::Parameter& parameter, double u) {
  const Axis axis(parameter);
  return axis.ToValue(axis.Draw(u));
}

double AtGrid(const v1::Parameter& parameter, int64_t index) {
  const Axis axis(parameter);
  return axis.ToValue(axis.GridCoordinate(index)).number_value();
}

std::vector<double> GridNumbers(const v1::Parameter& parameter) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < Axis(parameter).GridSize(); ++i) {
    numbers.push_back(AtGrid(parameter, i));
  }
  return numbers;
}

TEST(AxisTest, DrawsStayWithinTheEnds) {
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

TEST(AxisTest, TheMiddleOfALogIntervalIsTheGeometricMean) {
  const v1::Parameter parameter = Parameter(SpaceBuilder().Log("p", 1e-5, 1e-1));
  EXPECT_NEAR(DrawValue(parameter, 0.5).number_value(), 1e-3, 1e-15);
  EXPECT_NEAR(DrawValue(parameter, 0.25).number_value(), 1e-4, 1e-16);
}

TEST(AxisTest, WholeNumbersShareTheUnitIntervalEvenly) {
  const v1::Parameter parameter = Parameter(SpaceBuilder().Integer("p", -2, 1));
  const std::pair<double, double> expected[] = {
      {0, -2}, {0.2499, -2}, {0.25, -1}, {0.4999, -1}, {0.5, 0}, {0.75, 1}, {kAlmostOne, 1}};
  for (const auto& [u, number] : expected) {
    EXPECT_EQ(DrawValue(parameter, u).number_value(), number) << u;
  }
}

TEST(AxisTest, ChoicesAndBooleansShareTheUnitIntervalEvenly) {
  const v1::Parameter choice =
      Parameter(SpaceBuilder().Choice("p", {Text("a"), Text("b"), Text("c")}));
  EXPECT_EQ(DrawValue(choice, 0).string_value(), "a");
  EXPECT_EQ(DrawValue(choice, 0.34).string_value(), "b");
  EXPECT_EQ(DrawValue(choice, kAlmostOne).string_value(), "c");
  const v1::Parameter boolean = Parameter(SpaceBuilder().Boolean("p"));
  EXPECT_FALSE(DrawValue(boolean, 0.499).bool_value());
  EXPECT_TRUE(DrawValue(boolean, 0.5).bool_value());
}

TEST(AxisTest, GridsOfIntervalsHaveExactEnds) {
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Linear("p", 0.1, 0.3, 3))),
              testing::ElementsAre(0.1, testing::DoubleEq(0.2), 0.3));
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Log("p", 1e-5, 1e-2, 4))),
              testing::ElementsAre(1e-5, testing::DoubleNear(1e-4, 1e-18),
                                   testing::DoubleNear(1e-3, 1e-17), 1e-2));
  EXPECT_THAT(GridNumbers(Parameter(SpaceBuilder().Log("p", 1e-5, 1e-2, 1))),
              testing::ElementsAre(1e-5));
}

TEST(AxisTest, GridsOfIntegersAreWholeAndDistinct) {
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

TEST(AxisTest, ValuesAndCoordinatesGoBothWays) {
  const v1::Parameter parameters[] = {
      Parameter(SpaceBuilder().Linear("p", -3, 7)), Parameter(SpaceBuilder().Log("p", 1e-5, 1e-1)),
      Parameter(SpaceBuilder().Integer("p", -2, 9)),
      Parameter(SpaceBuilder().Choice("p", {Text("a"), Text("b"), Number(3)})),
      Parameter(SpaceBuilder().Boolean("p"))};
  for (const v1::Parameter& parameter : parameters) {
    const Axis axis(parameter);
    for (const double u : {0.0, 0.1, 0.3, 0.5, 0.77, kAlmostOne}) {
      const double coordinate = axis.Draw(u);
      EXPECT_NEAR(axis.ToCoordinate(axis.ToValue(coordinate)), coordinate, 1e-12)
          << parameter.ShortDebugString();
    }
  }
}

TEST(AxisTest, ValuesOutsideTheDomainHaveNoCoordinate) {
  const Axis number(Parameter(SpaceBuilder().Log("p", 1e-5, 1e-1)));
  EXPECT_TRUE(IsAbsent(number.ToCoordinate(Number(0.2))));
  EXPECT_TRUE(IsAbsent(number.ToCoordinate(Text("0.01"))));
  const Axis integer(Parameter(SpaceBuilder().Integer("p", 1, 8)));
  EXPECT_TRUE(IsAbsent(integer.ToCoordinate(Number(2.5))));
  const Axis choice(Parameter(SpaceBuilder().Choice("p", {Text("a")})));
  EXPECT_TRUE(IsAbsent(choice.ToCoordinate(Text("b"))));
}

// With trust 0.6 in the middle: 0.4 x uniform + 0.6 x a normal with deviation 0.1.
TEST(AxisTest, APriorBendsTheDraws) {
  const Axis axis(Parameter(SpaceBuilder().Linear("p", 0, 1).Prior(Number(0.5), 0.6)));
  EXPECT_NEAR(axis.Draw(0.5), 0.5, 1e-9);
  // Phi(-1) = 0.158655: where the distribution function of the mixture is at 0.4.
  EXPECT_NEAR(axis.Draw(0.4 * 0.4 + 0.6 * 0.158655), 0.4, 1e-5);
  EXPECT_NEAR(axis.PriorDensity(0.5), 0.4 + 0.6 * 3.98942, 1e-4);
  EXPECT_NEAR(axis.PriorDensity(0), 0.4, 1e-4);
  const Axis choice(Parameter(
      SpaceBuilder().Choice("p", {Text("a"), Text("b"), Text("c")}).Prior(Text("b"), 0.4)));
  EXPECT_EQ(choice.Draw(0.39), 1);
  EXPECT_EQ(choice.Draw(0.41), 0);
  EXPECT_EQ(choice.Draw(0.61), 1);
  EXPECT_EQ(choice.Draw(0.81), 2);
  EXPECT_NEAR(choice.PriorDensity(1), 0.6 + 0.4 * 3, 1e-12);
  EXPECT_NEAR(choice.PriorDensity(0), 0.6, 1e-12);
}

}  // namespace
}  // namespace tpsweep::server
