// Identities of tp, itp and gait over random shapes. The numbers are those of the project's
// fact sheet on [GAIT], and its section on rounding; A-7 is in
// orthogonality_test.cc, A-10 in optimiser_test.cc.
#include "worker/trainer/rules/exact_targets.h"

#include <gmock/gmock.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;

constexpr double kSlope = 0.1;
const char* const kCarries[] = {"", "_gamma", "_adaptive_gamma"};

v1::TrainingSpec Spec(const std::string& rule, v1::Activation activation, double gamma = 1e-2) {
  v1::TrainingSpec spec = SpecOfRule(rule);
  spec.set_loss(v1::LOSS_HALF_SQUARES);
  spec.mutable_network()->set_activation(activation);
  spec.mutable_network()->set_output_activation(activation);
  spec.mutable_network()->set_leaky_slope(kSlope);
  spec.mutable_network()->set_initialiser(v1::INITIALISER_HAAR);
  if (spec.has_itp()) spec.mutable_itp()->set_gamma(gamma);
  if (spec.has_gait()) spec.mutable_gait()->set_gamma(gamma);
  return spec;
}

// A network of orthogonal matrices, square from layer 2 on, or a tower; a mini-batch; and
// biases, so that they take part.
struct Task {
  std::vector<LayerShape> shapes;
  Index batch, classes;

  Matrix<double> x() const { return RandomMatrix<double>(shapes[0].size(), batch, 21); }
  Matrix<double> y() const { return RandomTargets<double>(classes, batch, 22); }
};

std::vector<LayerShape> Tower(const std::vector<Index>& widths) {
  v1::Network network;
  for (size_t l = 1; l + 1 < widths.size(); ++l) network.add_hidden(static_cast<int>(widths[l]));
  network.set_square(true);
  return *InferShapes(network, {widths.front(), 1, 1}, widths.back());
}

// 2 to 5 layers.
std::vector<Task> RandomTasks(int count, bool is_tower = false) {
  RandomStream random(2025);
  const auto draw = [&random](Index low, Index high) {
    return low + static_cast<Index>(random.NextBelow(static_cast<uint64_t>(high - low + 1)));
  };
  std::vector<Task> tasks;
  for (int i = 0; i < count; ++i) {
    Task task;
    Index width = draw(3, 14);
    std::vector<Index> widths = {is_tower ? width : draw(1, 14)};
    for (Index left = draw(2, 5); left > 0; --left) {
      widths.push_back(width);
      if (is_tower) width = draw(2, width);
    }
    task.shapes = is_tower ? Tower(widths) : DenseShapes(widths);
    task.batch = draw(1, 9);
    task.classes = draw(1, widths.back());
    tasks.push_back(task);
  }
  return tasks;
}

Trainee<double> Compute(const v1::TrainingSpec& spec, const Task& task, double scale = 1) {
  Trainee<double> trainee(spec, task.shapes);
  for (int l = 1; l <= trainee.network.num_layers(); ++l) {
    trainee.network.weight(l).value *= scale;
    trainee.network.bias(l)->value =
        0.3 * RandomMatrix<double>(trainee.network.size(l), 1, static_cast<uint64_t>(40 + l));
  }
  trainee.ComputeGradients(task.x(), task.y());
  EXPECT_EQ(trainee.rule->why_infeasible(), "");
  return trainee;
}

double Gap(const Matrix<double>& a, const Matrix<double>& reference) {
  return reference.norm() == 0 ? a.norm() : (a - reference).norm() / reference.norm();
}

// The largest over the parameters.
double Gap(const Trainee<double>& a, const Trainee<double>& reference) {
  double worst = 0;
  for (size_t i = 0; i < a.network.parameters().size(); ++i) {
    worst = std::max(
        worst, Gap(a.network.parameters()[i].gradient, reference.network.parameters()[i].gradient));
  }
  return worst;
}

// Whether some unit's mixed target, which is its layer's map of the target below, lies on
// the other side of the kink. There the identities hold no longer.
bool CrossesKink(const Trainee<double>& trainee) {
  for (int l = 2; l <= trainee.network.num_layers(); ++l) {
    const auto at = static_cast<size_t>(l);
    Matrix<double> mixed(trainee.network.size(l), trainee.pass.h[at].cols());
    trainee.network.AffineLayer(l, trainee.pass.target(at - 1), mixed);
    if (((mixed.array() < 0) != (trainee.pass.a[at].array() < 0)).any()) return true;
  }
  return false;
}

TEST(ExactTargets, A1TheInverseBringsActivitiesBack) {
  for (const Task& task : RandomTasks(20)) {
    v1::TrainingSpec spec = Spec("gait", v1::ACTIVATION_LEAKY_RELU);
    spec.mutable_network()->set_initialiser(v1::INITIALISER_XAVIER_NORMAL);
    Trainee<double> trainee = Compute(spec, task);
    const Pass<double>& pass = trainee.pass;
    for (int l = 2; l <= trainee.network.num_layers(); ++l) {
      const auto at = static_cast<size_t>(l);
      SquareInverse<double> inverse;
      inverse.Factorise(trainee.network.weight(l).value);
      Matrix<double> back = pass.h[at];
      Apply<double>(InverseOf(trainee.network.activation(l)), back, back);
      back.colwise() -= trainee.network.bias(l)->value.col(0);
      inverse.Solve(back);
      EXPECT_LT(Gap(back, pass.h[at - 1]), 1e-14 / inverse.reciprocal_condition())
          << "condition number " << 1 / inverse.reciprocal_condition();
    }
  }
}

TEST(ExactTargets, A2GaitOfOrthogonalLeakyReluNetworksIsBackpropagation) {
  const struct {
    const char* rule;
    double tolerance;
  } kRules[] = {{"gait", 1e-12}, {"gait_gamma", 1e-5}, {"gait_adaptive_gamma", 1e-8}};
  for (const auto& [rule, tolerance] : kRules) {
    int num_checked = 0;
    for (const Task& task : RandomTasks(40)) {
      const auto gait = Compute(Spec(rule, v1::ACTIVATION_LEAKY_RELU), task);
      if (std::string(rule) != "gait" && CrossesKink(gait)) continue;
      const auto bp = Compute(Spec("bp", v1::ACTIVATION_LEAKY_RELU), task);
      EXPECT_LT(Gap(gait, bp), tolerance) << rule;
      ++num_checked;
    }
    EXPECT_GE(num_checked, 8) << rule;
  }
}

TEST(ExactTargets, A3LinearOrthogonalNetworksMakeAllRulesBackpropagation) {
  for (const Task& task : RandomTasks(15)) {
    const auto bp = Compute(Spec("bp", v1::ACTIVATION_LINEAR), task);
    EXPECT_LT(Gap(Compute(Spec("tp", v1::ACTIVATION_LINEAR), task), bp), 1e-12);
    for (const std::string rule : {"itp", "gait"}) {
      for (const char* carry : kCarries) {
        for (const double gamma : {0.5, 0.1}) {
          const auto spec = Spec(rule + carry, v1::ACTIVATION_LINEAR, gamma);
          EXPECT_LT(Gap(Compute(spec, task), bp), 1e-8) << rule << carry << " " << gamma;
        }
      }
    }
  }
}

// What the rule sends down from layer l, made of inverses that are formed.
Matrix<double> Below(const Trainee<double>& trainee, int l, const Matrix<double>& displacement,
                     int power) {
  const auto slopes = [&](double a) { return std::pow(a < 0 ? kSlope : 1.0, power); };
  const Matrix<double> factors = trainee.pass.a[static_cast<size_t>(l)].unaryExpr(slopes);
  return trainee.network.weight(l).value.inverse() * factors.cwiseProduct(displacement);
}

TEST(ExactTargets, A4TheDifferencePassesThroughInversesAndDerivatives) {
  for (const auto& [rule, power] : {std::pair("itp", -1), std::pair("gait", 1)}) {
    for (const Task& task : RandomTasks(15)) {
      auto spec = Spec(rule, v1::ACTIVATION_LEAKY_RELU);
      spec.mutable_network()->set_initialiser(v1::INITIALISER_XAVIER_NORMAL);
      const auto trainee = Compute(spec, task);
      const auto batch = static_cast<double>(task.batch);
      Matrix<double> displacement = -batch * trainee.pass.output_error;
      for (int l = trainee.network.num_layers(); l >= 1; --l) {
        const auto at = static_cast<size_t>(l);
        EXPECT_LT(Gap(trainee.pass.displacement[at], displacement), 1e-9) << rule << " " << l;
        EXPECT_LT(Gap(trainee.pass.delta[at] * batch,
                      -displacement.cwiseProduct(trainee.pass.a[at].unaryExpr(
                          [](double a) { return a < 0 ? kSlope : 1.0; }))),
                  1e-9);
        if (l > 1) displacement = Below(trainee, l, displacement, power);
      }
      auto bp_spec = Spec("bp", v1::ACTIVATION_LEAKY_RELU);
      bp_spec.mutable_network()->set_initialiser(v1::INITIALISER_XAVIER_NORMAL);
      EXPECT_GT(Gap(trainee, Compute(bp_spec, task)), 1e-3);
    }
  }
}

TEST(ExactTargets, A5AScaleOfTheMatricesWeakensTheSignalBySquares) {
  for (const Task& task : RandomTasks(15)) {
    const double scale = 2;
    const auto gait = Compute(Spec("gait", v1::ACTIVATION_LEAKY_RELU), task, scale);
    const auto bp = Compute(Spec("bp", v1::ACTIVATION_LEAKY_RELU), task, scale);
    const int last = gait.network.num_layers();
    for (int l = 1; l <= last; ++l) {
      const auto at = static_cast<size_t>(l);
      EXPECT_LT(Gap(gait.pass.delta[at], std::pow(scale, -2 * (last - l)) * bp.pass.delta[at]),
                1e-12);
    }
  }
}

TEST(ExactTargets, A6ItpDividesByTheDerivativeThatBackpropagationMultiplies) {
  for (const char* carry : kCarries) {
    int num_checked = 0;
    for (const Task& task : RandomTasks(30)) {
      const auto itp =
          Compute(Spec(absl::StrCat("itp", carry), v1::ACTIVATION_LEAKY_RELU, 1e-4), task);
      if (*carry != '\0' && CrossesKink(itp)) continue;
      const int last = itp.network.num_layers();
      const auto at = static_cast<size_t>(last);
      const Matrix<double> error = static_cast<double>(task.batch) * itp.pass.output_error;
      const Matrix<double> divided = error.cwiseProduct(
          itp.pass.a[at].unaryExpr([](double a) { return a < 0 ? 1 / kSlope : 1.0; }));
      Matrix<double> expected = itp.network.weight(last).value.transpose() * divided;
      MultiplyByDerivative<double>(itp.network.activation(last - 1), itp.pass.a[at - 1],
                                   itp.pass.h[at - 1], expected);
      EXPECT_LT(Gap(static_cast<double>(task.batch) * itp.pass.delta[at - 1], expected), 1e-9)
          << carry;
      ++num_checked;
    }
    EXPECT_GE(num_checked, 8) << carry;
  }
}

TEST(ExactTargets, A8AuxiliaryUnitsHaveExactlyNoError) {
  int num_auxiliary = 0;
  for (const std::string rule : {"bp", "tp", "itp", "gait", "itp_gamma", "gait_gamma",
                                 "itp_adaptive_gamma", "gait_adaptive_gamma"}) {
    for (const Task& task : RandomTasks(10, /*is_tower=*/true)) {
      const auto trainee = Compute(Spec(rule, v1::ACTIVATION_LEAKY_RELU), task);
      for (int l = 2; l <= trainee.network.num_layers(); ++l) {
        const auto below = static_cast<size_t>(l) - 1;
        const Index count = trainee.network.size(l - 1) - trainee.network.size(l);
        const auto is_zero = [count](const Matrix<double>& m) {
          return (m.bottomRows(count).array() == 0).all();
        };
        EXPECT_TRUE(is_zero(trainee.pass.delta[below])) << rule;
        EXPECT_TRUE(is_zero(trainee.network.weight(l - 1).gradient)) << rule;
        EXPECT_TRUE(is_zero(trainee.network.bias(l - 1)->gradient)) << rule;
        if (rule != "bp") {
          EXPECT_TRUE(is_zero(trainee.pass.displacement[below])) << rule;
          EXPECT_EQ(trainee.pass.target(below).bottomRows(count),
                    trainee.pass.h[below].bottomRows(count))
              << rule;
        }
        num_auxiliary += static_cast<int>(count);
      }
    }
  }
  EXPECT_GT(num_auxiliary, 100);
}

TEST(ExactTargets, A8ATowerOfEqualWidthsIsASquareNetwork) {
  for (const std::string rule : {"tp", "itp", "gait"}) {
    const auto spec = Spec(rule, v1::ACTIVATION_LEAKY_RELU);
    const auto tower = Compute(spec, {Tower({6, 6, 6, 6}), 4, 3});
    const auto square = Compute(spec, {DenseShapes({6, 6, 6, 6}), 4, 3});
    EXPECT_EQ(Gap(tower, square), 0);
  }
}

TEST(ExactTargets, A9AuxiliaryOutputsGetNoGradientWhateverTheyDo) {
  for (const std::string rule : {"tp", "itp", "gait", "gait_gamma", "gait_adaptive_gamma"}) {
    for (const Task& task : RandomTasks(10)) {
      Trainee<double> trainee = Compute(Spec(rule, v1::ACTIVATION_LEAKY_RELU), task);
      const int last = trainee.network.num_layers();
      const Index count = trainee.network.size(last) - task.classes;
      const Matrix<double> before = trainee.network.weight(last).gradient;
      EXPECT_TRUE((before.bottomRows(count).array() == 0).all());
      EXPECT_TRUE((trainee.network.bias(last)->gradient.bottomRows(count).array() == 0).all());
      trainee.network.bias(last)->value.bottomRows(count).array() += 5;
      trainee.ComputeGradients(task.x(), task.y());
      EXPECT_EQ(trainee.network.weight(last).gradient, before);
    }
  }
}

TEST(ExactTargets, A11ABatchIsTheMeanOfItsSamplesInAnyOrder) {
  for (const std::string rule : {"tp", "itp", "gait", "gait_gamma"}) {
    for (const Task& task : RandomTasks(10)) {
      const auto spec = Spec(rule, v1::ACTIVATION_LEAKY_RELU);
      const auto batch = Compute(spec, task);
      Trainee<double> other = Compute(spec, task);
      const double tolerance = rule == "gait_gamma" ? 1e-4 : 1e-11;

      other.ComputeGradients(task.x().rowwise().reverse(), task.y().rowwise().reverse());
      EXPECT_LT(Gap(other, batch), 0.1 * tolerance);

      std::vector<Matrix<double>> means;
      for (const auto& p : batch.network.parameters()) means.push_back(0 * p.gradient);
      for (Index b = 0; b < task.batch; ++b) {
        other.ComputeGradients(task.x().col(b), task.y().col(b));
        for (size_t i = 0; i < means.size(); ++i) {
          means[i] += other.network.parameters()[i].gradient / static_cast<double>(task.batch);
        }
      }
      for (size_t i = 0; i < means.size(); ++i) {
        EXPECT_LT(Gap(means[i], batch.network.parameters()[i].gradient), tolerance) << rule;
      }
    }
  }
}

// One digit for each factor of ten in gamma and each layer; the difference loses none.
TEST(ExactTargets, OnlyTheAuthorsCarryAmplifiesRounding) {
  const Task task = {DenseShapes({20, 20, 20, 20, 20, 20}), 8, 10};
  const auto bp = Compute(Spec("bp", v1::ACTIVATION_LINEAR), task);
  const auto gap = [&](const std::string& rule, double gamma, size_t l) {
    return Gap(Compute(Spec(rule, v1::ACTIVATION_LINEAR, gamma), task).pass.delta[l],
               bp.pass.delta[l]);
  };
  EXPECT_LT(gap("gait_gamma", 1e-3, 4), 1e-11);
  EXPECT_GT(gap("gait_gamma", 1e-3, 1), 1e-6);
  EXPECT_GT(gap("gait_gamma", 1e-4, 1), 1e-2);
  EXPECT_LT(gap("gait", 1e-4, 1), 1e-13);
  EXPECT_LT(gap("gait_adaptive_gamma", 1e-4, 1), 1e-11);
}

TEST(ExactTargets, TheAdaptiveStepHasTheNormThatWasAskedFor) {
  for (const std::string rule : {"itp_adaptive_gamma", "gait_adaptive_gamma"}) {
    for (const Task& task : RandomTasks(10)) {
      const auto trainee = Compute(Spec(rule, v1::ACTIVATION_LEAKY_RELU), task);
      for (int l = 2; l <= trainee.network.num_layers(); ++l) {
        const auto at = static_cast<size_t>(l);
        Matrix<double> mixed(trainee.network.size(l), task.batch);
        trainee.network.ForwardLayer(l, trainee.pass.target(at - 1), mixed, mixed);
        const double norm = (mixed - trainee.pass.h[at]).norm();
        EXPECT_NEAR(norm / std::sqrt(static_cast<double>(task.batch)), 1e-3, 1e-8) << rule;
      }
    }
  }
}

TEST(ExactTargets, ALayerWithoutInverseIsNamedWithTheRemedy) {
  for (const std::string rule : {"tp", "itp", "gait"}) {
    Trainee<double> trainee(SpecOfRule(rule), {5, 4, 4, 4});
    const Matrix<double> x = RandomMatrix<double>(5, 3, 1);
    const Matrix<double> y = RandomTargets<double>(4, 3, 2);
    const Matrix<double> w = trainee.network.weight(2).value;
    for (const double bad : {0.0, std::numeric_limits<double>::quiet_NaN()}) {
      trainee.network.weight(2).value.col(1).setConstant(bad);
      trainee.ComputeGradients(x, y);
      EXPECT_THAT(trainee.rule->why_infeasible(),
                  HasSubstr("layer 2: W2 (4 x 4) is singular: the reciprocal of its condition "
                            "number is 0; the rule needs its inverse: lower forward.lr, or raise "
                            "orthogonality"));
    }
    // Layer 1 is never inverted, and what was said is forgotten.
    trainee.network.weight(2).value = w;
    trainee.network.weight(1).value.setZero();
    trainee.ComputeGradients(x, y);
    EXPECT_EQ(trainee.rule->why_infeasible(), "");
  }
}

}  // namespace
}  // namespace tpsweep::trainer
