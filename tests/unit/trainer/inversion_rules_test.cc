// The identities of dynamic inversion: what its rules and their parts compute, against the
// equations written out.
#include <gmock/gmock.h>

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/trainer/random_shapes.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/case_tensors.h"
#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/feedback_matrix.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_dynamics.h"
#include "worker/trainer/rules/inversion_stability.h"
#include "worker/trainer/rules/smoothed_abscissa.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;

Matrix<double> Identity(Index n) { return Matrix<double>::Identity(n, n); }

double RelativeGap(const Matrix<double>& x, const Matrix<double>& reference) {
  return (x - reference).norm() / reference.norm();
}

Matrix<double> Ndi(const Matrix<double>& w, const Matrix<double>& b, double alpha,
                   const Matrix<double>& y, double factor = 1) {
  NondynamicInverse<double> inverse;
  Matrix<double> r;
  inverse.Factor(w, b, alpha, factor);
  inverse.Apply(y, r);
  return r;
}

Matrix<double> Pbp(const Matrix<double>& w, const Matrix<double>& y) {
  PseudoInverse<double> inverse;
  Matrix<double> r;
  inverse.Factor(w);
  inverse.Apply(y, r);
  return r;
}

Matrix<double> PseudoInverseOf(const Matrix<double>& w) {
  return w.completeOrthogonalDecomposition().pseudoInverse();
}

v1::Dynamics DynamicsSpec(double dt = 0.5, int steps = 999,
                          v1::EulerOrder order = v1::EULER_ORDER_IN_TURN) {
  v1::Dynamics spec;
  spec.set_dt(dt);
  spec.set_steps(steps);
  spec.set_order(order);
  return spec;
}

constexpr Activation kLinear = {v1::ACTIVATION_LINEAR, 1};
constexpr Activation kTanh = {v1::ACTIVATION_TANH, 1};

struct LayerCase {
  Matrix<double> w, q, y;
  bool is_wide;
};

// Layers of random shape, wide and tall, with a random invertible q of the smaller size.
std::vector<LayerCase> Layers() {
  std::vector<LayerCase> layers;
  RandomStream random(11);
  for (uint64_t key = 0; key < 40; ++key) {
    const auto n = static_cast<Index>(1 + random.NextBelow(8));
    const auto m = static_cast<Index>(1 + random.NextBelow(8));
    const Index small = std::min(n, m);
    layers.push_back(
        {RandomMatrix<double>(n, m, DeriveSeed(key, "w")),
         RandomMatrix<double>(small, small, DeriveSeed(key, "q")) + 3 * Identity(small),
         RandomMatrix<double>(n, 4, DeriveSeed(key, "y")), n <= m});
  }
  return layers;
}

// B-2, for both branches.
TEST(NondynamicInverse, IsTheSameFromEitherSide) {
  for (const LayerCase& c : Layers()) {
    const Matrix<double> b = RandomMatrix<double>(c.w.cols(), c.w.rows(), 5) - c.w.transpose();
    const double alpha = 0.3;
    const Matrix<double> from_above = b * (c.w * b - alpha * Identity(c.w.rows())).inverse() * c.y;
    const Matrix<double> from_below =
        (b * c.w - alpha * Identity(c.w.cols())).inverse() * (b * c.y);
    EXPECT_LT(RelativeGap(Ndi(c.w, b, alpha, c.y), from_above), 1e-9);
    EXPECT_LT(RelativeGap(Ndi(c.w, b, alpha, c.y), from_below), 1e-9);
    EXPECT_LT(RelativeGap(Ndi(c.w, b, alpha, c.y, 0.5), Ndi(c.w, 0.5 * b, alpha, c.y)), 1e-9);
  }
}

// B-3 and B-4.
TEST(NondynamicInverse, InvertsWithoutLeakWhateverTheFeedback) {
  for (const LayerCase& c : Layers()) {
    const Matrix<double> b =
        c.is_wide ? Matrix<double>(-c.w.transpose() * c.q) : Matrix<double>(-c.q * c.w.transpose());
    const Matrix<double> r = Ndi(c.w, b, 0, c.y);
    if (c.is_wide) {
      EXPECT_LT(RelativeGap(c.w * r, c.y), 1e-8);
    }
    EXPECT_LT(RelativeGap(r, PseudoInverseOf(c.w) * c.y), 1e-7);
    EXPECT_LT(RelativeGap(Pbp(c.w, c.y), PseudoInverseOf(c.w) * c.y), 1e-8);
    if (!c.is_wide) continue;
    const Matrix<double> any = RandomMatrix<double>(c.w.cols(), c.w.rows(), 77);
    EXPECT_LT(RelativeGap(c.w * Ndi(c.w, any, 0, c.y), c.y), 1e-6);
  }
}

// B-1 and B-9: damped least squares, from the gradient to the pseudo-inverse.
TEST(NondynamicInverse, WithTheNegativeTransposeIsDampedLeastSquares) {
  for (const LayerCase& c : Layers()) {
    const Matrix<double> b = -c.w.transpose();
    for (const double alpha : {0.01, 1.0}) {
      const Matrix<double> damped =
          c.w.transpose() * (c.w * c.w.transpose() + alpha * Identity(c.w.rows())).inverse() * c.y;
      EXPECT_LT(RelativeGap(Ndi(c.w, b, alpha, c.y), damped), 1e-9);
    }
    EXPECT_LT(RelativeGap(1e9 * Ndi(c.w, b, 1e9, c.y), c.w.transpose() * c.y), 1e-6);
  }
}

// B-10.
TEST(NondynamicInverse, IsCollinearWithBackpropagationForOrthonormalRows) {
  for (const auto& [n, m] : {std::pair<Index, Index>{3, 7}, {5, 5}, {1, 4}}) {
    const Matrix<double> square = RandomMatrix<double>(m, m, 3);
    const Matrix<double> q = square.householderQr().householderQ();
    const Matrix<double> w = q.topRows(n);
    const Matrix<double> y = RandomMatrix<double>(n, 2, 4);
    EXPECT_LT(RelativeGap(Ndi(w, -w.transpose(), 0.25, y), w.transpose() * y / 1.25), 1e-12);
    EXPECT_LT(RelativeGap(Pbp(w, y), w.transpose() * y), 1e-12);
  }
}

TEST(NondynamicInverse, SolvesSingularOnesByLeastSquares) {
  Matrix<double> w = RandomMatrix<double>(4, 6, 1);
  w.row(3) = w.row(2);
  const Matrix<double> y = RandomMatrix<double>(4, 3, 2);
  const Matrix<double> b = -w.transpose();
  const Matrix<double> expected = b * (PseudoInverseOf(w * b) * y);
  EXPECT_LT(RelativeGap(Ndi(w, b, 0, y), expected), 1e-8);
  EXPECT_LT(RelativeGap(Pbp(w, y), PseudoInverseOf(w) * y), 1e-8);
  EXPECT_TRUE((Pbp(Matrix<double>::Zero(3, 5), RandomMatrix<double>(3, 2, 1)).array() == 0).all());
}

Matrix<double> EstimateOf(InversionDynamics<double>& dynamics, const Matrix<double>& w,
                          const Matrix<double>& b, double alpha, const Matrix<double>& y,
                          Activation s = kLinear, const Matrix<double>& a = {},
                          const Matrix<double>& h = {}) {
  EXPECT_TRUE(dynamics.Run({{&w, s, &a, &h}}, b, alpha, 1, y));
  return dynamics.estimate(1);
}

TEST(InversionDynamicsTest, EndsInTheSteadyState) {
  for (const LayerCase& c : Layers()) {
    const Matrix<double> w = 0.4 * c.w;
    const Matrix<double> b = -w.transpose();
    for (const auto order : {v1::EULER_ORDER_IN_TURN, v1::EULER_ORDER_AT_ONCE}) {
      InversionDynamics<double> dynamics(DynamicsSpec(0.2, 2000, order),
                                         v1::NONLINEARITY_TIMES_DERIVATIVE, true);
      EXPECT_LT(RelativeGap(EstimateOf(dynamics, w, b, 0.1, c.y), Ndi(w, b, 0.1, c.y)), 1e-8);
      EXPECT_EQ(dynamics.num_steps(), 2000);
    }
  }
}

TEST(InversionDynamicsTest, ReadingsOfTheNonlinearity) {
  const Matrix<double> w = RandomMatrix<double>(3, 5, 1) * 0.5;
  const Matrix<double> b = -w.transpose();
  const Matrix<double> a = RandomMatrix<double>(5, 2, 2);
  const Matrix<double> h = a.array().tanh();
  const Matrix<double> y = RandomMatrix<double>(3, 2, 3) * 0.1;
  constexpr double kAlpha = 0.2;
  InversionDynamics<double> linearised(DynamicsSpec(), v1::NONLINEARITY_LINEARISED, true);
  const Matrix<double> r = EstimateOf(linearised, w, b, kAlpha, y, kTanh, a, h);
  for (Index i = 0; i < 2; ++i) {
    const Matrix<double> ws = w * (1 - h.col(i).array().square()).matrix().asDiagonal();
    EXPECT_LT(RelativeGap(r.col(i), Ndi(ws, b, kAlpha, y.col(i))), 1e-10);
  }
  InversionDynamics<double> around_zero(DynamicsSpec(), v1::NONLINEARITY_AROUND_ZERO, true);
  const Matrix<double> z = EstimateOf(around_zero, w, b, kAlpha, y, kTanh, a, h);
  const Matrix<double> u = around_zero.controller();
  EXPECT_LT(RelativeGap(z, b * u), 1e-10);
  EXPECT_LT(RelativeGap(w * Matrix<double>(z.array().tanh()) - kAlpha * u, y), 1e-10);
  EXPECT_NEAR(around_zero.Residual({&w, kTanh, &a, &h}, y),
              ((w * Matrix<double>(z.array().tanh()) - y).colwise().norm().array() /
               y.colwise().norm().array())
                  .mean(),
              1e-12);
}

// Every order and count of steps against the recursion written out.
TEST(InversionDynamicsTest, MakesTheStepsThatItSays) {
  const Matrix<double> w = RandomMatrix<double>(3, 4, 1) * 0.5;
  const Matrix<double> b = RandomMatrix<double>(4, 3, 2) * 0.5;
  const Matrix<double> y = RandomMatrix<double>(3, 2, 3);
  constexpr double kAlpha = 0.3, kDt = 0.4;
  for (const bool in_turn : {true, false}) {
    Matrix<double> u = Matrix<double>::Zero(3, 2), r = Matrix<double>::Zero(4, 2);
    for (int step = 0; step < 7; ++step) {
      const Matrix<double> next_u = u + kDt * (-kAlpha * u + w * r - y);
      r = r + kDt * (-r + b * (in_turn ? next_u : u));
      u = next_u;
    }
    InversionDynamics<double> dynamics(
        DynamicsSpec(kDt, 7, in_turn ? v1::EULER_ORDER_IN_TURN : v1::EULER_ORDER_AT_ONCE),
        v1::NONLINEARITY_TIMES_DERIVATIVE, true);
    EXPECT_LT(RelativeGap(EstimateOf(dynamics, w, b, kAlpha, y), r), 1e-12);
    EXPECT_LT(RelativeGap(dynamics.controller(), u), 1e-12);
  }
}

TEST(InversionDynamicsTest, EndsEarlyWithATolerance) {
  const Matrix<double> w = RandomMatrix<double>(3, 5, 1) * 0.5;
  const Matrix<double> y = RandomMatrix<double>(3, 4, 3);
  v1::Dynamics spec = DynamicsSpec();
  int64_t last = 0;
  for (const double tolerance : {1e-2, 1e-5, 1e-9}) {
    spec.set_tolerance(tolerance);
    InversionDynamics<double> dynamics(spec, v1::NONLINEARITY_TIMES_DERIVATIVE, true);
    const Matrix<double> r = EstimateOf(dynamics, w, -w.transpose(), 0.5, y);
    EXPECT_LT(RelativeGap(r, Ndi(w, -w.transpose(), 0.5, y)), 100 * tolerance);
    EXPECT_GT(dynamics.num_steps(), last);
    EXPECT_LT(dynamics.num_steps(), 999);
    last = dynamics.num_steps();
  }
}

TEST(InversionDynamicsTest, SaysThatItDiverges) {
  const Matrix<double> w = RandomMatrix<double>(3, 5, 1);
  const Matrix<double> y = RandomMatrix<double>(3, 4, 3);
  InversionDynamics<double> dynamics(DynamicsSpec(), v1::NONLINEARITY_TIMES_DERIVATIVE, true);
  EXPECT_FALSE(dynamics.Run({{&w, kLinear, nullptr, nullptr}}, w.transpose(), 0.01, 1, y));
  EXPECT_LT(dynamics.num_steps(), 999);
  const Matrix<double> bad = w * std::nan("");
  EXPECT_FALSE(dynamics.Run({{&bad, kLinear, nullptr, nullptr}}, -w.transpose(), 0.01, 1, y));
}

// B-8.
TEST(InversionDynamicsTest, ASingleLoopEndsInItsSteadyState) {
  const Matrix<double> w2 = RandomMatrix<double>(5, 6, 1) * 0.3;
  const Matrix<double> w3 = RandomMatrix<double>(4, 5, 2) * 0.3;
  const Matrix<double> b = -(w3 * w2).transpose();
  const Matrix<double> y = RandomMatrix<double>(4, 3, 3);
  for (const auto order : {v1::EULER_ORDER_IN_TURN, v1::EULER_ORDER_AT_ONCE}) {
    InversionDynamics<double> dynamics(DynamicsSpec(0.2, 4000, order),
                                       v1::NONLINEARITY_TIMES_DERIVATIVE, false);
    ASSERT_TRUE(dynamics.Run({{&w2, kLinear, nullptr, nullptr}, {&w3, kLinear, nullptr, nullptr}},
                             b, 0.1, 1, y));
    const Matrix<double> r1 = Ndi(w3 * w2, b, 0.1, y);
    EXPECT_LT(RelativeGap(dynamics.estimate(1), r1), 1e-8);
    EXPECT_LT(RelativeGap(dynamics.estimate(2), w2 * r1), 1e-8);
  }
}

TEST(FeedbackMatrix, IsWhatItsKindSays) {
  const v1::TrainingSpec spec = SpecOfRule("di");
  for (const std::vector<Index>& sizes :
       {std::vector<Index>{5, 4, 3}, {6, 5, 4, 3}, {6, 5, 4, 3, 2}}) {
    const Network<double> network(spec.network(), sizes, {}, 1);
    v1::FeedbackMatrix kind = spec.di().feedback();
    kind.set_scale(2);
    const auto made = MakeFeedbackMatrices(kind, {}, network, 3);
    ASSERT_EQ(made.matrices.size(), sizes.size() - 2);
    Matrix<double> product = -Identity(sizes[1]);
    for (const auto& b : made.matrices) {
      EXPECT_TRUE(b.is_fixed);
      EXPECT_EQ(b.name, absl::StrCat("B", b.layer));
      EXPECT_EQ(b.value, -2 * network.weight(b.layer).value.transpose());
      product = product * -b.value;
    }
    const auto single = MakeSingleLoopMatrix(kind, {}, network, 3);
    ASSERT_EQ(single.matrices.size(), 1u);
    EXPECT_EQ(single.matrices[0].name, "B_sldi");
    EXPECT_LT(RelativeGap(single.matrices[0].value, product), 1e-14);

    kind.set_kind(v1::FEEDBACK_KIND_RANDOM);
    kind.set_bound(0.25);
    const auto random = MakeFeedbackMatrices(kind, {}, network, 3);
    for (const auto& b : random.matrices) EXPECT_LE(b.value.cwiseAbs().maxCoeff(), 0.25);
    kind.set_kind(v1::FEEDBACK_KIND_OPTIMISED);
    const auto optimised = MakeFeedbackMatrices(kind, spec.di().stabilise().ssa(), network, 3);
    EXPECT_EQ(optimised.why_infeasible, "");
    for (const auto& b : optimised.matrices) {
      const Matrix<double>& w = network.weight(b.layer).value;
      EXPECT_LT(LoopMatrix({&w}, b.value, 0).eigenvalues().real().maxCoeff(), 0);
    }
  }
  const std::vector<Index> expanding = {3, 4, 6, 2};
  const Network<double> network(spec.network(), expanding, {}, 1);
  v1::FeedbackMatrix kind;
  kind.set_kind(v1::FEEDBACK_KIND_OPTIMISED);
  EXPECT_THAT(MakeFeedbackMatrices(kind, spec.di().stabilise().ssa(), network, 3).why_infeasible,
              HasSubstr("layer 2: no optimised feedback matrix: dynamics without leak are never "
                        "stable where a layer (of 6 units) is wider than the one below (4)"));
}

// The rules as a whole, error by error.
TEST(ErrorRules, BringErrorsDownAsTheirEquationsSay) {
  for (const Shape& shape : RandomShapes(12)) {
    for (const std::string name : {"bp", "fa", "pbp", "ndi", "di"}) {
      v1::TrainingSpec spec = SpecOfRule(name);
      spec.mutable_di()->mutable_dynamics()->set_steps(4000);
      SetRule(name, spec);
      if (name == "di") spec.mutable_di()->mutable_dynamics()->set_steps(4000);
      Trainee<double> trainee(spec, shape.sizes);
      trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
      const Pass<double>& pass = trainee.pass;
      for (int l = trainee.network.num_layers(); l >= 2; --l) {
        const auto i = static_cast<size_t>(l);
        const Matrix<double>& w = trainee.network.weight(l).value;
        Matrix<double> error = w.transpose() * pass.delta[i];
        if (name != "bp" && name != "pbp") {
          const Matrix<double>& b = trainee.rule->feedback_parameters()[i - 2].value;
          error = name == "fa" ? Matrix<double>(b * pass.delta[i]) : Ndi(w, b, 0.1, pass.delta[i]);
        } else if (name == "pbp") {
          error = PseudoInverseOf(w) * pass.delta[i];
        }
        MultiplyByDerivative<double>(trainee.network.activation(l - 1), pass.a[i - 1],
                                     pass.h[i - 1], error);
        EXPECT_LT(RelativeGap(pass.delta[i - 1], error), 1e-7) << name << " layer " << l;
        EXPECT_LT(RelativeGap(trainee.network.weight(l).gradient,
                              pass.delta[i] * pass.h[i - 1].transpose()),
                  1e-12);
      }
    }
  }
}

// For a network with one hidden layer both run the same loop.
TEST(ErrorRules, SldiWithOneHiddenLayerIsDi) {
  for (const auto nonlinearity : {v1::NONLINEARITY_AROUND_ZERO, v1::NONLINEARITY_TIMES_DERIVATIVE,
                                  v1::NONLINEARITY_LINEARISED}) {
    v1::TrainingSpec spec = SpecOfRule("di");
    spec.mutable_di()->set_nonlinearity(nonlinearity);
    spec.mutable_di()->mutable_dynamics()->set_steps(3000);
    v1::TrainingSpec single = spec;
    const v1::DiRule di = spec.di();
    v1::SldiRule& sldi = *single.mutable_sldi();
    *sldi.mutable_feedback() = di.feedback();
    *sldi.mutable_dynamics() = di.dynamics();
    *sldi.mutable_stabilise() = di.stabilise();
    sldi.set_alpha(di.alpha());
    sldi.set_nonlinearity(nonlinearity);
    Trainee<double> a(spec, {5, 6, 3}), b(single, {5, 6, 3});
    const Matrix<double> x = RandomMatrix<double>(5, 4, 1);
    const Matrix<double> y = RandomTargets<double>(3, 4, 2);
    a.ComputeGradients(x, y);
    b.ComputeGradients(x, y);
    EXPECT_LT(RelativeGap(a.pass.delta[1], b.pass.delta[1]), 1e-9);
  }
}

// The size of the mini-batch cancels: the mean of the gradients of single samples.
TEST(ErrorRules, AroundZeroInvertsTheErrorOfEachSample) {
  for (const std::string name : {"di", "sldi"}) {
    v1::TrainingSpec spec = SpecOfRule(name);
    spec.mutable_network()->set_activation(v1::ACTIVATION_LEAKY_RELU);
    if (name == "di") spec.mutable_di()->set_nonlinearity(v1::NONLINEARITY_AROUND_ZERO);
    if (name == "sldi") spec.mutable_sldi()->set_nonlinearity(v1::NONLINEARITY_AROUND_ZERO);
    Trainee<double> trainee(spec, {5, 6, 4, 3});
    const Matrix<double> x = RandomMatrix<double>(5, 4, 1);
    const Matrix<double> y = RandomTargets<double>(3, 4, 2);
    Matrix<double> mean = Matrix<double>::Zero(6, 5);
    for (Index b = 0; b < 4; ++b) {
      trainee.ComputeGradients(x.col(b), y.col(b));
      mean += trainee.network.weight(1).gradient / 4;
    }
    trainee.ComputeGradients(x, y);
    EXPECT_LT(RelativeGap(trainee.network.weight(1).gradient, mean), 1e-10) << name;
  }
}

v1::HiddenErrors Scaled(double max_norm, bool normalise) {
  v1::HiddenErrors errors;
  errors.set_max_norm(max_norm);
  errors.set_normalise(normalise);
  return errors;
}

TEST(HiddenErrorsTest, AreScaledForTheUpdateAlone) {
  const std::vector<Index> sizes = {5, 6, 4, 3};
  const Matrix<double> x = RandomMatrix<double>(5, 4, 1);
  const Matrix<double> y = RandomTargets<double>(3, 4, 2);
  Trainee<double> plain(SpecOfRule("bp"), sizes);
  plain.ComputeGradients(x, y);
  // Some are longer and some are shorter.
  const double max_norm =
      4 *
      (plain.pass.delta[1].colwise().norm().sum() + plain.pass.delta[2].colwise().norm().sum()) / 8;
  for (const bool normalise : {false, true}) {
    v1::TrainingSpec spec = SpecOfRule("bp");
    *spec.mutable_bp()->mutable_hidden_errors() = Scaled(max_norm, normalise);
    Trainee<double> scaled(spec, sizes);
    scaled.ComputeGradients(x, y);
    EXPECT_EQ(scaled.network.weight(3).gradient, plain.network.weight(3).gradient);
    int num_scaled = 0;
    for (size_t l = 1; l <= 2; ++l) {
      for (Index b = 0; b < 4; ++b) {
        const double norm = 4 * plain.pass.delta[l].col(b).norm();
        const double factor = norm > max_norm || normalise ? max_norm / norm : 1;
        num_scaled += factor < 1;
        EXPECT_LT(RelativeGap(scaled.pass.delta[l].col(b), factor * plain.pass.delta[l].col(b)),
                  1e-14);
      }
      EXPECT_LT(RelativeGap(scaled.network.weight(static_cast<int>(l)).gradient,
                            scaled.pass.delta[l] * scaled.pass.h[l - 1].transpose()),
                1e-14);
    }
    EXPECT_GT(num_scaled, 0);
    EXPECT_LT(num_scaled, 8);
  }
}

TEST(HiddenErrorsTest, TheDefectMultipliesTwice) {
  v1::TrainingSpec spec = SpecOfRule("bp");
  spec.mutable_bp()->mutable_hidden_errors()->set_derivative_twice(true);
  const std::vector<Index> sizes = {5, 6, 4, 3};
  Trainee<double> twice(spec, sizes);
  twice.ComputeGradients(RandomMatrix<double>(5, 4, 1), RandomTargets<double>(3, 4, 2));
  const Pass<double>& pass = twice.pass;
  for (size_t l = 2; l >= 1; --l) {
    const Matrix<double> slope = 1 - pass.h[l].array().square();
    const Matrix<double> error =
        twice.network.weight(static_cast<int>(l) + 1).value.transpose() * pass.delta[l + 1];
    EXPECT_LT(RelativeGap(pass.delta[l], error.cwiseProduct(slope).cwiseProduct(slope)), 1e-13);
  }
}

TEST(ErrorRules, SayWhyDynamicsDiverge) {
  const Matrix<double> x = RandomMatrix<double>(5, 4, 1);
  const Matrix<double> y = RandomTargets<double>(3, 4, 2);
  for (const std::string name : {"di", "sldi"}) {
    Trainee<double> trainee(SpecOfRule(name), {5, 6, 4, 3});
    trainee.ComputeGradients(x, y);
    EXPECT_EQ(trainee.rule->why_infeasible(), "");
    // The feedback points the other way.
    for (auto& b : trainee.rule->feedback_parameters()) b.value *= -1000;
    trainee.ComputeGradients(x, y);
    EXPECT_THAT(trainee.rule->why_infeasible(),
                HasSubstr("layer 3: the dynamics of its inversion diverge: the largest real part "
                          "of an eigenvalue is "));
    EXPECT_THAT(trainee.rule->why_infeasible(), HasSubstr("raise alpha, or set stabilise.kind"));
  }
  // Stable, but not by steps of this length.
  Trainee<double> trainee(SpecOfRule("di"), {5, 6, 4, 3});
  for (auto& b : trainee.rule->feedback_parameters()) b.value *= 200;
  trainee.ComputeGradients(x, y);
  EXPECT_THAT(trainee.rule->why_infeasible(),
              HasSubstr("layer 3: the dynamics of its inversion diverge: its Euler steps have an "
                        "eigenvalue of modulus "));
  EXPECT_THAT(trainee.rule->why_infeasible(),
              HasSubstr("lower dt (the largest that converges is "));
}

Matrix<double> Load(const SafetensorsFile& file, const std::string& name) {
  const auto it = file.tensors.find(name);
  EXPECT_NE(it, file.tensors.end()) << name;
  return *ParameterOf(file, "", name, it->second.shape[0], it->second.shape[1]);
}
Matrix<double> Column(const SafetensorsFile& file, const std::string& name) {
  return Load(file, name).transpose();
}
double Scalar(const SafetensorsFile& file, const std::string& name) {
  double value;
  std::memcpy(&value, file.tensors.at(name).data.data(), sizeof(value));
  return value;
}

class Units : public testing::Test {
 protected:
  void SetUp() override {
    const auto bytes = ReadFile(
        absl::StrCat(std::getenv("TPSWEEP_SOURCE_DIR"), "/tests/golden/di_units.safetensors"));
    TP_ASSERT_OK(bytes);
    auto file = ParseSafetensors(*bytes, "di_units");
    TP_ASSERT_OK(file);
    file_ = *std::move(file);
  }
  SafetensorsFile file_;
};

// Single calls of the authors' routines.
TEST_F(Units, LayersAreInvertedAsByTheAuthors) {
  constexpr double kAlphas[] = {0, 0.01, 0.1, 0.01};
  for (int i = 0; i < 4; ++i) {
    const auto name = [i](const char* what) { return absl::StrCat("unit", i, "/", what); };
    const Matrix<double> w = Load(file_, name("W"));
    const Matrix<double> b = Load(file_, name("B"));
    const Matrix<double> y = Column(file_, name("delta"));
    const Matrix<double> slope = Column(file_, name("dh"));
    const double alpha = kAlphas[i];
    const auto with_slope = [&](const Matrix<double>& r) {
      return Matrix<double>(r.cwiseProduct(slope));
    };
    EXPECT_LT(RelativeGap(with_slope(w.transpose() * y), Column(file_, name("bp"))), 1e-8);
    EXPECT_LT(RelativeGap(with_slope(b * y), Column(file_, name("fa"))), 1e-8);
    EXPECT_LT(RelativeGap(with_slope(Pbp(w, y)), Column(file_, name("pbp"))), 1e-8);
    EXPECT_LT(RelativeGap(with_slope(Ndi(w, b, alpha, y)), Column(file_, name("ndi"))), 1e-8);
    const LoopSpectrum spectrum = SpectrumOf<double>({&w}, b);
    EXPECT_NEAR(SpectralAbscissa(spectrum, alpha), Scalar(file_, name("lambda_max")), 1e-8);
    InversionDynamics<double> linear(DynamicsSpec(), v1::NONLINEARITY_TIMES_DERIVATIVE, true);
    InversionDynamics<double> tanh(DynamicsSpec(), v1::NONLINEARITY_AROUND_ZERO, true);
    if (!file_.tensors.contains(name("di_linear_r"))) {
      EXPECT_FALSE(linear.Run({{&w, kLinear, nullptr, nullptr}}, b, alpha, 1, y));
      continue;
    }
    EXPECT_LT(RelativeGap(EstimateOf(linear, w, b, alpha, y), Column(file_, name("di_linear_r"))),
              1e-8);
    EXPECT_LT(RelativeGap(linear.controller(), Column(file_, name("di_linear_u"))), 1e-8);
    EXPECT_LT(
        RelativeGap(EstimateOf(tanh, w, b, alpha, y, kTanh), Column(file_, name("di_tanh_r"))),
        1e-8);
    EXPECT_LT(RelativeGap(tanh.controller(), Column(file_, name("di_tanh_u"))), 1e-8);
  }
}

TEST_F(Units, SingleLoopsRunAsByTheAuthors) {
  constexpr double kAlphas[] = {0.01, 0.1};
  for (int i = 0; i < 2; ++i) {
    const auto name = [i](const char* what) { return absl::StrCat("sldi", i, "/", what); };
    const Matrix<double> w2 = Load(file_, name("W2"));
    const Matrix<double> w3 = Load(file_, name("W3"));
    const Matrix<double> b = Load(file_, name("B"));
    const Matrix<double> y = Column(file_, name("delta"));
    for (const bool is_tanh : {false, true}) {
      InversionDynamics<double> loop(
          DynamicsSpec(),
          is_tanh ? v1::NONLINEARITY_AROUND_ZERO : v1::NONLINEARITY_TIMES_DERIVATIVE, false);
      ASSERT_TRUE(loop.Run({{&w2, kTanh, nullptr, nullptr}, {&w3, kTanh, nullptr, nullptr}}, b,
                           kAlphas[i], 1, y));
      EXPECT_LT(
          RelativeGap(loop.estimate(1), Column(file_, name(is_tanh ? "tanh_r1" : "linear_r1"))),
          1e-8);
      EXPECT_LT(
          RelativeGap(loop.estimate(2), Column(file_, name(is_tanh ? "tanh_r2" : "linear_r2"))),
          1e-8);
    }
  }
}

// With hardly any smoothing: theirs has none. The equations are as badly conditioned as
// the smoothing is small, so that their rounding is epsilon / smoothing, 2e-6.
TEST_F(Units, SmoothedAbscissaStepsAreThoseOfTheAuthors) {
  constexpr double kTolerance = 2e-6;
  constexpr struct { double alpha, lr; } kCases[] = {{0, 0.05}, {0.05, 0.5}};
  for (int i = 0; i < 2; ++i) {
    const auto name = [i](const char* what) { return absl::StrCat("ssa", i, "/", what); };
    const Matrix<double> w = Load(file_, name("W"));
    const Matrix<double> before = Load(file_, name("B_before"));
    const SsaStep step = SmoothedAbscissaStep({&w}, before, kCases[i].alpha, 1e-10);
    EXPECT_NEAR(step.abscissa, Scalar(file_, name("lambda_before")), 1e-10);
    const Matrix<double> after = before - kCases[i].lr * step.gradient;
    EXPECT_LT(RelativeGap(after, Load(file_, name("B_after_one_step"))), kTolerance);
    EXPECT_NEAR(SpectralAbscissa(SpectrumOf<double>({&w}, after), kCases[i].alpha),
                Scalar(file_, name("lambda_after")), kTolerance);
  }
}

}  // namespace
}  // namespace tpsweep::trainer
