// Every local loss, forward and feedback, against central finite differences.
#include <gmock/gmock.h>

#include <algorithm>
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

// mean over the batch of ||s(W h + b) - T||^2 (in convolutional layers over the units
// too), with T and h held constant.
void ExpectForwardGradients(Trainee<double>& trainee, const Matrix<double>& x,
                            const Matrix<double>& y, const std::string& what) {
  trainee.ComputeGradients(x, y);
  const Pass<double> pass = trainee.pass;
  for (Parameter<double>& parameter : trainee.network.parameters()) {
    const int l = parameter.layer;
    const auto at = static_cast<size_t>(l);
    const auto local_loss = [&] {
      Matrix<double> a(pass.a[at].rows(), x.cols()), h = a;
      trainee.network.ForwardLayer(l, pass.h[at - 1], a, h);
      const Index terms = trainee.network.is_conv(l) ? h.size() : h.cols();
      return (h - pass.target(at)).squaredNorm() / static_cast<double>(terms);
    };
    const Matrix<double> analytic = parameter.gradient;
    ExpectNear(analytic, NumericalGradient(parameter.value, local_loss),
               what + " " + parameter.name);
  }
}

// Of each path its own loss: paths above are constants for it.
void ExpectFeedbackGradients(Trainee<double>& trainee, const Matrix<double>& x,
                             const Matrix<double>& y, const std::string& what) {
  trainee.step = 0;  // the noise of the losses below
  trainee.ComputeGradients(x, y);
  // Evaluating a loss overwrites the gradients.
  std::vector<Matrix<double>> analytic;
  int first_layer = trainee.network.num_layers();
  for (const auto& parameter : trainee.rule->feedback_parameters()) {
    analytic.push_back(parameter.gradient);
    if (!parameter.is_fixed) first_layer = std::min(first_layer, parameter.layer);
  }
  for (size_t i = 0; i < analytic.size(); ++i) {
    Parameter<double>& parameter = trainee.rule->feedback_parameters()[i];
    if (parameter.is_fixed) continue;
    const auto loss = [&] {
      trainee.noise.set_step(0);
      trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, trainee.noise,
                                          trainee.feedback_losses);
      return trainee.feedback_losses[static_cast<size_t>(parameter.layer - first_layer)];
    };
    ExpectNear(analytic[i], NumericalGradient(parameter.value, loss), what + " " + parameter.name);
  }
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
    SetFeedbackActivation(hidden, spec);
    if (rule == "ddtp_linear") SetFeedbackActivation(v1::ACTIVATION_LINEAR, spec);
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

TEST_P(RuleGradient, ForwardUpdatesAreGradientsOfTheLocalLosses) {
  for (const std::string& rule : RuleNames()) {
    const v1::TrainingSpec spec = SpecOfRule(rule);
    if (rule == "bp" || InvertsLayers(spec) || InvertsErrors(spec)) continue;
    Trainee<double> trainee(Spec(rule), sizes());
    ExpectForwardGradients(trainee, Inputs(), Targets(), rule);
  }
}

TEST_P(RuleGradient, FeedbackUpdatesAreGradientsOfTheFeedbackLosses) {
  for (const std::string& rule : RuleNames()) {
    Trainee<double> trainee(Spec(rule), sizes());
    ExpectFeedbackGradients(trainee, Inputs(), Targets(), rule);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ActivationsAndShapes, RuleGradient,
    testing::Combine(
        testing::Values(v1::ACTIVATION_TANH, v1::ACTIVATION_LINEAR, v1::ACTIVATION_RELU,
                        v1::ACTIVATION_LEAKY_RELU, v1::ACTIVATION_SIGMOID),
        testing::Values(v1::ACTIVATION_LINEAR, v1::ACTIVATION_SIGMOID, v1::ACTIVATION_TANH),
        testing::Values(Sizes{4, 3}, Sizes{4, 6, 3}, Sizes{3, 5, 4, 6, 2})));

TEST(RuleGradientOfConvolutions, ForwardAndFeedback) {
  for (const std::string& rule : RuleNames()) {
    v1::TrainingSpec spec = SpecOfRule(rule);
    if (InvertsLayers(spec) || InvertsErrors(spec)) continue;
    if (spec.has_ddtp_linear()) spec.mutable_ddtp_linear()->set_last_hidden_bias(true);
    Trainee<double> trainee(spec, ConvShapes());
    const Matrix<double> x = RandomMatrix<double>(trainee.network.size(0), 3, 11);
    const Matrix<double> y = RandomTargets<double>(3, 3, 12);
    if (rule != "bp") ExpectForwardGradients(trainee, x, y, rule);
    ExpectFeedbackGradients(trainee, x, y, rule);
  }
}

// All activations of the layerwise paths, the inverse ones too. The logit needs
// arguments between 0 and 1.
TEST(RuleGradientOfFeedbackActivations, ForwardAndFeedback) {
  for (const std::string rule : {"dtp", "dtpdrl"}) {
    for (const auto t : {v1::ACTIVATION_LINEAR, v1::ACTIVATION_TANH, v1::ACTIVATION_RELU,
                         v1::ACTIVATION_LEAKY_RELU, v1::ACTIVATION_SIGMOID,
                         v1::ACTIVATION_INVERSE_LEAKY_RELU, v1::ACTIVATION_LOGIT}) {
      v1::TrainingSpec spec = SpecOfRule(rule);
      SetFeedbackActivation(t, spec);
      Trainee<double> trainee(spec, {4, 6, 5, 3});
      for (auto& parameter : trainee.rule->feedback_parameters()) {
        if (t != v1::ACTIVATION_LOGIT) continue;
        if (parameter.name[0] == 'Q') parameter.value *= 0.1;
        if (parameter.name[0] == 'd') parameter.value.setConstant(0.5);
      }
      const std::string what = rule + " " + v1::Activation_Name(t);
      const Matrix<double> x = RandomMatrix<double>(4, 5, 1);
      const Matrix<double> y = RandomTargets<double>(3, 5, 2);
      ExpectForwardGradients(trainee, x, y, what);
      ExpectFeedbackGradients(trainee, x, y, what);
      EXPECT_TRUE(trainee.pass.target(1).allFinite()) << what;
      EXPECT_NE(trainee.pass.target(1), trainee.pass.h[1]) << what;
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
