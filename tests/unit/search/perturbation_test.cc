#include "server/search/perturbation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using testing::AnyOf;
using testing::DoubleEq;

class PerturbationTest : public testing::Test {
 protected:
  static v1::PbtScheduler Pbt(double perturb_by, double resample) {
    v1::PbtScheduler pbt;
    pbt.set_perturb_by(perturb_by);
    pbt.set_resample(resample);
    return pbt;
  }
  static v1::Trial Parent(const std::map<std::string, google::protobuf::Value>& values) {
    v1::Trial trial;
    for (const auto& [path, value] : values) {
      v1::Assignment& assignment = *trial.add_parameters();
      assignment.set_path(path);
      *assignment.mutable_value() = value;
    }
    return trial;
  }
  // What a parameter alone becomes in each of 200 trials.
  static std::vector<double> Children(const v1::StudySpec& spec, double value,
                                      const v1::PbtScheduler& pbt) {
    const SearchSpace space(spec);
    const v1::Trial parent = Parent({{spec.space(0).path(), Number(value)}});
    std::vector<double> children;
    for (int64_t number = 0; number < 200; ++number) {
      children.push_back(Perturb(space, pbt, 1, number, parent)[0].value().number_value());
    }
    return children;
  }
};

TEST_F(PerturbationTest, MultipliesByOneOfTwoFactors) {
  for (const v1::StudySpec& spec :
       {SpaceBuilder().Log("p", 1e-5, 1).Random(9), SpaceBuilder().Linear("p", 0, 1).Random(9)}) {
    int up = 0;
    for (const double child : Children(spec, 0.01, Pbt(0.2, 0))) {
      EXPECT_THAT(child, AnyOf(DoubleEq(0.012), DoubleEq(0.008)));
      up += child > 0.01;
    }
    EXPECT_GT(up, 70);
    EXPECT_LT(up, 130);
  }
}

TEST_F(PerturbationTest, StaysInTheIntervalAndIsAlwaysAnother) {
  const v1::StudySpec spec = SpaceBuilder().Log("p", 0.01, 1).Random(9);
  for (const double child : Children(spec, 0.95, Pbt(0.2, 0))) {
    EXPECT_THAT(child, AnyOf(1.0, DoubleEq(0.76)));
  }
  for (const double child : Children(spec, 1, Pbt(0.2, 0))) EXPECT_DOUBLE_EQ(child, 0.8);
  for (const double child : Children(spec, 0.01, Pbt(0.2, 0))) EXPECT_DOUBLE_EQ(child, 0.012);
}

TEST_F(PerturbationTest, MovesWhereANumberMayBeNegativeAndLeavesZero) {
  for (const double child : Children(SpaceBuilder().Linear("p", -1, 3).Random(9), 0, Pbt(0.2, 0))) {
    EXPECT_THAT(child, AnyOf(DoubleEq(0.8), DoubleEq(-0.8)));
  }
  for (const double child : Children(SpaceBuilder().Linear("p", 0, 1).Random(9), 0, Pbt(0.2, 0))) {
    EXPECT_GT(child, 0) << "nothing multiplies 0: it is drawn anew";
  }
}

TEST_F(PerturbationTest, DrawsAnewWithTheProbabilityAskedFor) {
  const v1::StudySpec spec = SpaceBuilder().Log("p", 1e-4, 1).Random(9);
  int drawn = 0;
  int small = 0;
  for (const double child : Children(spec, 0.1, Pbt(0.2, 0.5))) {
    const bool is_step = std::abs(child - 0.12) < 1e-12 || std::abs(child - 0.08) < 1e-12;
    drawn += !is_step;
    small += child < 0.01;
  }
  EXPECT_GT(drawn, 70);
  EXPECT_LT(drawn, 130);
  EXPECT_GT(small, drawn / 3) << "uniform in the logarithm";
}

TEST_F(PerturbationTest, LeavesAloneWhatACheckpointDependsOn) {
  const v1::StudySpec spec = SpaceBuilder()
                                 .Choice("a", {Text("x"), Text("y")})
                                 .Integer("b", 1, 100)
                                 .Boolean("c")
                                 .Linear("training.dataset.d", 0, 1)
                                 .Linear("e", 0, 1)
                                 .Random(9);
  const SearchSpace space(spec);
  const v1::Trial parent = Parent({{"a", Text("y")},
                                   {"b", Number(7)},
                                   {"c", Bool(true)},
                                   {"training.dataset.d", Number(0.5)},
                                   {"e", Number(0.5)}});
  // In the order of the space.
  v1::Trial ordered = parent;
  std::swap(*ordered.mutable_parameters(3), *ordered.mutable_parameters(4));
  for (int64_t number = 0; number < 50; ++number) {
    const Configuration child = Perturb(space, Pbt(0.2, 0.5), 1, number, ordered);
    ASSERT_EQ(child.size(), 5u);
    EXPECT_EQ(child[0].value().string_value(), "y");
    EXPECT_EQ(child[1].value().number_value(), 7);
    EXPECT_TRUE(child[2].value().bool_value());
    EXPECT_EQ(child[3].value().number_value(), 0.5);
    EXPECT_NE(child[4].value().number_value(), 0.5);
  }
}

TEST_F(PerturbationTest, KeepsToTheParametersThatExist) {
  const v1::StudySpec spec = SpaceBuilder()
                                 .Choice("rule", {Text("x"), Text("y")})
                                 .Linear("sigma", 0, 1)
                                 .When("rule", {Text("x")})
                                 .Log("lr", 0.001, 1)
                                 .Random(9);
  const SearchSpace space(spec);
  v1::Trial parent;
  for (const auto& [path, value] : {std::pair("rule", Text("y")), std::pair("lr", Number(0.1))}) {
    parent.add_parameters()->set_path(path);
    *parent.mutable_parameters()->rbegin()->mutable_value() = value;
  }
  const Configuration child = Perturb(space, Pbt(0.2, 0), 1, 9, parent);
  ASSERT_EQ(child.size(), 2u);
  EXPECT_EQ(child[0].value().string_value(), "y");
  EXPECT_THAT(child[1].value().number_value(), AnyOf(DoubleEq(0.12), DoubleEq(0.08)));
}

TEST_F(PerturbationTest, IsAFunctionOfSeedAndNumber) {
  const v1::StudySpec spec = SpaceBuilder().Log("p", 1e-4, 1).Log("q", 1e-4, 1).Random(9);
  const SearchSpace space(spec);
  const v1::Trial parent = Parent({{"p", Number(0.1)}, {"q", Number(0.1)}});
  const auto child = [&](uint64_t seed, int64_t number) {
    const Configuration made = Perturb(space, Pbt(0.2, 1), seed, number, parent);
    return std::pair(made[0].value().number_value(), made[1].value().number_value());
  };
  EXPECT_EQ(child(1, 8), child(1, 8));
  EXPECT_NE(child(1, 8), child(1, 9));
  EXPECT_NE(child(1, 8), child(2, 8));
  EXPECT_NE(child(1, 8).first, child(1, 8).second) << "each parameter has numbers of its own";
}

}  // namespace
}  // namespace tpsweep::server
