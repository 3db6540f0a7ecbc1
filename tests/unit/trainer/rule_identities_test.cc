// Identities that hold for target propagation, over random shapes. The numbers
// are those of the project's fact sheet on [TF]: I1, I2, I3, I9, I10, I13, I14.
#include <gmock/gmock.h>

#include <cmath>
#include <string>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

struct Shape {
  std::vector<Index> sizes;
  Index batch;
};

std::vector<Shape> RandomShapes(int count) {
  RandomStream random(2024);
  const auto draw = [&random](uint64_t low, uint64_t high) {
    return static_cast<Index>(low + random.NextBelow(high - low + 1));
  };
  std::vector<Shape> shapes;
  for (int i = 0; i < count; ++i) {
    Shape shape = {{}, draw(1, 9)};
    const Index num_hidden = draw(1, 4);
    for (Index l = 0; l <= num_hidden; ++l) shape.sizes.push_back(draw(1, 12));
    shape.sizes.push_back(draw(2, 7));
    shapes.push_back(shape);
  }
  return shapes;
}

template <class S = double>
Matrix<S> InputsOf(const Shape& shape) {
  return RandomMatrix<S>(shape.sizes.front(), shape.batch, 21);
}
template <class S = double>
Matrix<S> TargetsOf(const Shape& shape) {
  return RandomTargets<S>(shape.sizes.back(), shape.batch, 22);
}

// The gradients of the network's parameters under rule `bp`.
std::vector<Matrix<double>> TrueGradients(Trainee<double>& trainee) {
  auto bp = MakeRule<double>(SpecOfRule("bp"), trainee.network, 0);
  Pass<double> pass = trainee.pass;
  Network<double> network = trainee.network;
  bp->ComputeUpdate(network, pass);
  std::vector<Matrix<double>> gradients;
  for (const auto& parameter : network.parameters()) gradients.push_back(parameter.gradient);
  return gradients;
}

void ExpectProportional(const Trainee<double>& trainee, int first_layer, int last_layer,
                        const std::vector<Matrix<double>>& truth, Index batch) {
  const double factor = 2 * trainee.rule->target_stepsize() / static_cast<double>(batch);
  for (size_t i = 0; i < truth.size(); ++i) {
    const Parameter<double>& parameter = trainee.network.parameters()[i];
    if (parameter.layer < first_layer || parameter.layer > last_layer) continue;
    EXPECT_LT((parameter.gradient - factor * truth[i]).cwiseAbs().maxCoeff(), 1e-14)
        << parameter.name;
  }
}

TEST(RuleIdentities, I1TheOutputLayerLearnsByBackpropagation) {
  for (const std::string rule : {"dtp", "ddtp_linear"}) {
    for (const auto output : {v1::ACTIVATION_LINEAR, v1::ACTIVATION_SIGMOID, v1::ACTIVATION_TANH}) {
      for (const Shape& shape : RandomShapes(8)) {
        v1::TrainingSpec spec = SpecOfRule(rule);
        spec.mutable_network()->set_output_activation(output);
        spec.set_loss(output == v1::ACTIVATION_LINEAR ? v1::LOSS_CROSS_ENTROPY : v1::LOSS_MSE);
        Trainee<double> trainee(spec, shape.sizes);
        trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
        const int last = trainee.network.num_layers();
        ExpectProportional(trainee, last, last, TrueGradients(trainee), shape.batch);
      }
    }
  }
}

TEST(RuleIdentities, I2aDirectTransposedFeedbackIsBackpropagationBelowTheOutput) {
  for (const Shape& shape : RandomShapes(10)) {
    Trainee<double> trainee(SpecOfRule("ddtp_linear"), shape.sizes);
    const int last = trainee.network.num_layers();
    trainee.rule->feedback_parameters().back().value =
        trainee.network.weight(last).value.transpose();
    trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
    ExpectProportional(trainee, last - 1, last, TrueGradients(trainee), shape.batch);
  }
}

TEST(RuleIdentities, I2bLinearTransposedChainIsBackpropagationEverywhere) {
  for (const Shape& shape : RandomShapes(10)) {
    v1::TrainingSpec spec = SpecOfRule("dtp");
    spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
    spec.mutable_dtp()->set_feedback_activation(v1::ACTIVATION_LINEAR);
    Trainee<double> trainee(spec, shape.sizes);
    for (auto& parameter : trainee.rule->feedback_parameters()) {
      if (parameter.name[0] == 'Q') {
        parameter.value = trainee.network.weight(parameter.layer).value.transpose();
      }
    }
    trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
    ExpectProportional(trainee, 1, trainee.network.num_layers(), TrueGradients(trainee),
                       shape.batch);
  }
}

template <class S>
void ExpectNoErrorNoUpdate(const std::string& rule, v1::Activation output) {
  for (const Shape& shape : RandomShapes(10)) {
    v1::TrainingSpec spec = SpecOfRule(rule);
    spec.mutable_network()->set_output_activation(output);
    Trainee<S> trainee(spec, shape.sizes);
    trainee.Evaluate(InputsOf<S>(shape), TargetsOf<S>(shape));
    trainee.pass.output_error.setZero();
    trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
    for (size_t l = 1; l < trainee.pass.h.size(); ++l) {
      EXPECT_EQ(trainee.pass.target[l], trainee.pass.h[l]);  // bit for bit
    }
    for (const auto& parameter : trainee.network.parameters()) {
      EXPECT_TRUE((parameter.gradient.array() == 0).all()) << rule << " " << parameter.name;
    }
  }
}

TEST(RuleIdentities, I3NoErrorGivesExactlyNoUpdate) {
  for (const RuleEntry& rule : Rules()) {
    if (rule.kind == v1::TrainingSpec::kBp) continue;
    for (const auto output : {v1::ACTIVATION_LINEAR, v1::ACTIVATION_SIGMOID, v1::ACTIVATION_TANH}) {
      ExpectNoErrorNoUpdate<float>(rule.name, output);
      ExpectNoErrorNoUpdate<double>(rule.name, output);
    }
  }
}

TEST(RuleIdentities, I9LinearFeedbackBiasesDoNotMoveTargets) {
  for (const Shape& shape : RandomShapes(10)) {
    v1::TrainingSpec spec = SpecOfRule("dtp");
    spec.mutable_dtp()->set_feedback_activation(v1::ACTIVATION_LINEAR);
    Trainee<double> trainee(spec, shape.sizes);
    trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
    const auto targets = trainee.pass.target;
    uint64_t key = 5;
    for (auto& parameter : trainee.rule->feedback_parameters()) {
      if (parameter.name[0] != 'd') continue;
      parameter.value = RandomMatrix<double>(parameter.value.rows(), 1, ++key);
    }
    trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
    for (size_t l = 1; l < targets.size(); ++l) {
      EXPECT_LT((trainee.pass.target[l] - targets[l]).cwiseAbs().maxCoeff(), 1e-13);
    }
  }
}

// Forward parameters after some steps with feedback held fixed.
std::vector<Matrix<double>> Trajectory(double eta, double epsilon) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_linear");
  spec.mutable_ddtp_linear()->set_target_stepsize(eta);
  spec.mutable_forward()->mutable_adam()->set_epsilon(0, epsilon);
  const Shape shape = {{5, 7, 6, 4}, 8};
  Trainee<double> trainee(spec, shape.sizes);
  for (int step = 0; step < 20; ++step) {
    trainee.ComputeGradients(InputsOf(shape), TargetsOf(shape));
    trainee.forward.Step(trainee.network.parameters());
  }
  std::vector<Matrix<double>> values;
  for (const auto& parameter : trainee.network.parameters()) values.push_back(parameter.value);
  return values;
}

TEST(RuleIdentities, I10TheTargetStepSizeOnlyScalesAdamsEpsilon) {
  const auto reference = Trajectory(0.05, 0);
  const auto other_eta = Trajectory(0.7, 0);
  for (size_t i = 0; i < reference.size(); ++i) {
    EXPECT_LT((reference[i] - other_eta[i]).cwiseAbs().maxCoeff(), 1e-10);
  }
  // A power of two scales without rounding: the same bits.
  EXPECT_EQ(Trajectory(0.05, 1e-4), Trajectory(0.05 * 1024, 1e-4 * 1024));
  EXPECT_NE(Trajectory(0.05, 1e-4), Trajectory(0.05, 1e-4 * 1024));
}

// E over xi of the gradient of the difference reconstruction loss of a linear
// network is 2/n (Q J - I) J^T, J = d a_L / d h_i.
TEST(RuleIdentities, I13TheMeanFeedbackGradientIsTheExpectedOne) {
  v1::TrainingSpec spec = SpecOfRule("ddtp_linear");
  spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
  constexpr Index kBatch = 500;
  constexpr int kDraws = 200;
  Trainee<double> trainee(spec, {4, 6, 5, 3});
  trainee.Evaluate(RandomMatrix<double>(4, kBatch, 1), RandomTargets<double>(3, kBatch, 2));
  const Matrix<double> jacobians[] = {
      trainee.network.weight(3).value * trainee.network.weight(2).value,
      trainee.network.weight(3).value};
  std::vector<Matrix<double>> sum(2), sum_of_squares(2);
  for (int draw = 0; draw < kDraws; ++draw) {
    trainee.noise.set_step(static_cast<uint64_t>(draw));
    trainee.rule->ComputeFeedbackUpdate(trainee.network, trainee.pass, trainee.noise,
                                        trainee.feedback_losses);
    for (size_t i = 0; i < 2; ++i) {
      const Matrix<double>& g = trainee.rule->feedback_parameters()[i].gradient;
      if (draw == 0) sum[i] = sum_of_squares[i] = Matrix<double>::Zero(g.rows(), g.cols());
      sum[i] += g;
      sum_of_squares[i] += g.cwiseProduct(g);
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    const Matrix<double>& q = trainee.rule->feedback_parameters()[i].value;
    const Matrix<double>& jacobian = jacobians[i];
    const Matrix<double> expected = 2.0 / static_cast<double>(q.rows()) *
                                    (q * jacobian - Matrix<double>::Identity(q.rows(), q.rows())) *
                                    jacobian.transpose();
    const Eigen::ArrayXXd mean = sum[i].array() / kDraws;
    const Eigen::ArrayXXd standard_error =
        ((sum_of_squares[i].array() / kDraws - mean.square()) / kDraws).sqrt();
    EXPECT_TRUE(((mean - expected.array()).abs() < 5 * standard_error).all());
    EXPECT_LT(standard_error.maxCoeff(), 0.02 * expected.cwiseAbs().maxCoeff());
  }
}

TEST(RuleIdentities, I14FrozenLayersKeepTheirBits) {
  for (const RuleEntry& rule : Rules()) {
    const Shape shape = {{5, 7, 6, 4}, 8};
    Trainee<float> trainee(SpecOfRule(rule.name), shape.sizes, 7, {1});
    std::vector<Matrix<float>> before;
    for (const auto& parameter : trainee.network.parameters()) before.push_back(parameter.value);
    for (int step = 0; step < 5; ++step)
      trainee.Step(InputsOf<float>(shape), TargetsOf<float>(shape));
    for (size_t i = 0; i < before.size(); ++i) {
      const auto& parameter = trainee.network.parameters()[i];
      if (parameter.layer == 1) {
        EXPECT_NE(parameter.value, before[i]) << rule.name << " " << parameter.name;
      } else {
        EXPECT_EQ(parameter.value, before[i]) << rule.name << " " << parameter.name;
      }
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
