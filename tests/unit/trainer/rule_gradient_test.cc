// Every local loss against central finite differences, and the feedback losses
// against their definitions.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <string>
#include <tuple>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

using Sizes = std::vector<Index>;

// Central differences of `loss` in every entry of `parameter`.
Matrix<double> NumericalGradient(Matrix<double>& parameter, const std::function<double()>& loss) {
  constexpr double kStep = 1e-6;
  Matrix<double> gradient(parameter.rows(), parameter.cols());
  for (Index i = 0; i < parameter.size(); ++i) {
    const double at = parameter.data()[i];
    parameter.data()[i] = at + kStep;
    const double up = loss();
    parameter.data()[i] = at - kStep;
    const double down = loss();
    parameter.data()[i] = at;
    gradient.data()[i] = (up - down) / (2 * kStep);
  }
  return gradient;
}

void ExpectNear(const Matrix<double>& a, const Matrix<double>& b, const std::string& what) {
  EXPECT_LT((a - b).cwiseAbs().maxCoeff(), 1e-8 * (1 + b.cwiseAbs().maxCoeff())) << what;
}

class RuleGradient
    : public testing::TestWithParam<std::tuple<v1::Activation, v1::Activation, Sizes>> {
 protected:
  v1::TrainingSpec Spec(const std::string& rule) const {
    const auto& [hidden, output, sizes] = GetParam();
    v1::TrainingSpec spec = SpecOfRule(rule);
    spec.mutable_network()->set_activation(hidden);
    spec.mutable_network()->set_output_activation(output);
    spec.set_loss(output == v1::ACTIVATION_LINEAR ? v1::LOSS_CROSS_ENTROPY : v1::LOSS_MSE);
    if (spec.has_dtp()) spec.mutable_dtp()->set_feedback_activation(hidden);
    // The pseudo-inverse of a Jacobian that is nearly singular (relu) makes targets so far
    // that differences drown in the rounding of the loss.
    if (spec.has_gnt()) spec.mutable_gnt()->set_damping(0.01);
    return spec;
  }
  const Sizes& sizes() const { return std::get<2>(GetParam()); }
  Matrix<double> Inputs() const { return RandomMatrix<double>(sizes().front(), kBatch, 11); }
  Matrix<double> Targets() const { return RandomTargets<double>(sizes().back(), kBatch, 12); }

  static constexpr Index kBatch = 5;
};

TEST_P(RuleGradient, BpIsTheGradientOfTheLoss) {
  Trainee<double> trainee(Spec("bp"), sizes());
  const Matrix<double> x = Inputs(), y = Targets();
  trainee.ComputeGradients(x, y);
  for (Parameter<double>& parameter : trainee.network.parameters()) {
    const Matrix<double> analytic = parameter.gradient;
    ExpectNear(analytic,
               NumericalGradient(parameter.value, [&] { return trainee.Evaluate(x, y).loss; }),
               parameter.name);
  }
}

// mean over the batch of ||s(W h + b) - T||^2, with T and h held constant.
TEST_P(RuleGradient, ForwardUpdatesAreGradientsOfTheLocalLosses) {
  for (const RuleEntry& rule : Rules()) {
    if (rule.kind == v1::TrainingSpec::kBp) continue;
    Trainee<double> trainee(Spec(rule.name), sizes());
    trainee.ComputeGradients(Inputs(), Targets());
    const Pass<double> pass = trainee.pass;
    for (Parameter<double>& parameter : trainee.network.parameters()) {
      const int l = parameter.layer;
      const auto at = static_cast<size_t>(l);
      const auto local_loss = [&] {
        Matrix<double> a(pass.a[at].rows(), kBatch), h = a;
        trainee.network.ForwardLayer(l, pass.h[at - 1], a, h);
        return (h - pass.target[at]).squaredNorm() / static_cast<double>(kBatch);
      };
      const Matrix<double> analytic = parameter.gradient;
      ExpectNear(analytic, NumericalGradient(parameter.value, local_loss),
                 std::string(rule.name) + " " + parameter.name);
    }
  }
}

TEST_P(RuleGradient, FeedbackUpdatesAreGradientsOfTheFeedbackLosses) {
  for (const RuleEntry& rule : Rules()) {
    Trainee<double> trainee(Spec(rule.name), sizes());
    trainee.ComputeGradients(Inputs(), Targets());
    const auto total_loss = [&] {
      trainee.noise.set_step(0);
      trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, trainee.noise,
                                          trainee.feedback_losses);
      double sum = 0;
      for (const double loss : trainee.feedback_losses) sum += loss;
      return sum;
    };
    // Evaluating the loss overwrites the gradients.
    std::vector<Matrix<double>> analytic;
    for (const auto& parameter : trainee.rule->feedback_parameters()) {
      analytic.push_back(parameter.gradient);
    }
    for (size_t i = 0; i < analytic.size(); ++i) {
      Parameter<double>& parameter = trainee.rule->feedback_parameters()[i];
      ExpectNear(analytic[i], NumericalGradient(parameter.value, total_loss),
                 std::string(rule.name) + " " + parameter.name);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    ActivationsAndShapes, RuleGradient,
    testing::Combine(
        testing::Values(v1::ACTIVATION_TANH, v1::ACTIVATION_LINEAR, v1::ACTIVATION_RELU,
                        v1::ACTIVATION_LEAKY_RELU, v1::ACTIVATION_SIGMOID),
        testing::Values(v1::ACTIVATION_LINEAR, v1::ACTIVATION_SIGMOID, v1::ACTIVATION_TANH),
        testing::Values(Sizes{4, 3}, Sizes{4, 6, 3}, Sizes{3, 5, 4, 6, 2})));

// mean((g(f(h + sigma xi)) - (h + sigma xi))^2) / max(sigma, 0.02)^2, in plain Eigen.
TEST(FeedbackLoss, OfDtpIsTheReconstructionLoss) {
  for (const double sigma : {0.1, 0.005}) {
    v1::TrainingSpec spec = SpecOfRule("dtp");
    spec.mutable_dtp()->set_sigma(sigma);
    Trainee<double> trainee(spec, {4, 6, 5, 3});
    trainee.ComputeGradients(RandomMatrix<double>(4, 7, 1), RandomTargets<double>(3, 7, 2));
    ASSERT_EQ(trainee.feedback_losses.size(), 2u);
    for (int k = 2; k <= 3; ++k) {
      const Matrix<double>& h = trainee.pass.h[static_cast<size_t>(k) - 1];
      Matrix<double> xi(h.rows(), h.cols());
      trainee.noise.set_step(0);
      trainee.noise.Fill(k - 1, xi);
      const Matrix<double> corrupted = h + sigma * xi;
      Matrix<double> f = trainee.network.weight(k).value * corrupted;
      if (k < 3) f = f.array().tanh();
      const Matrix<double>& q =
          trainee.rule->feedback_parameters()[static_cast<size_t>(2 * (k - 2))].value;
      const Matrix<double> g = (q * f).array().tanh();
      const double scale = std::max(sigma, 0.02);
      EXPECT_NEAR(trainee.feedback_losses[static_cast<size_t>(k) - 2],
                  (g - corrupted).squaredNorm() / (scale * scale * static_cast<double>(h.size())),
                  1e-9);
    }
  }
}

// I8: mean((sigma xi - Q (a_L(h + sigma xi) - a_L))^2) / sigma^2 and its gradient
// -2/(sigma^2 B n) sum r (phi~ - phi)^T.
TEST(FeedbackLoss, OfDdtpLinearIsTheDifferenceReconstructionLoss) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_linear");
  spec.mutable_network()->set_output_activation(v1::ACTIVATION_SIGMOID);
  spec.set_loss(v1::LOSS_MSE);
  const double sigma = spec.ddtp_linear().sigma();
  Trainee<double> trainee(spec, {4, 6, 5, 3});
  trainee.ComputeGradients(RandomMatrix<double>(4, 7, 1), RandomTargets<double>(3, 7, 2));
  ASSERT_EQ(trainee.feedback_losses.size(), 2u);
  for (int i = 1; i <= 2; ++i) {
    const Matrix<double>& h = trainee.pass.h[static_cast<size_t>(i)];
    Matrix<double> xi(h.rows(), h.cols());
    trainee.noise.set_step(0);
    trainee.noise.Fill(i, xi);
    Matrix<double> activity = h + sigma * xi;
    if (i == 1) activity = (trainee.network.weight(2).value * activity).array().tanh().matrix();
    const Matrix<double> phi = trainee.network.weight(3).value * activity;  // biases are 0
    const Matrix<double> difference = phi - trainee.pass.a[3];
    const Parameter<double>& q = trainee.rule->feedback_parameters()[static_cast<size_t>(i) - 1];
    const Matrix<double> r = sigma * xi - q.value * difference;
    const double scale = 1 / (sigma * sigma * static_cast<double>(r.size()));
    EXPECT_NEAR(trainee.feedback_losses[static_cast<size_t>(i) - 1], scale * r.squaredNorm(), 1e-9);
    ExpectNear(q.gradient, -2 * scale * r * difference.transpose(), q.name);
  }
}

}  // namespace
}  // namespace tpsweep::trainer
