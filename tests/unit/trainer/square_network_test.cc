// Square and tower networks, auxiliary units, and their initial weights.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

v1::TrainingSpec TowerSpec() {
  v1::TrainingSpec spec = SpecOfRule("bp");
  spec.set_loss(v1::LOSS_HALF_SQUARES);
  v1::Network& network = *spec.mutable_network();
  network.set_square(true);
  for (const int width : {8, 6, 6}) network.add_hidden(width);
  network.set_output_units(5);
  network.set_activation(v1::ACTIVATION_TANH);
  return spec;
}

std::vector<LayerShape> TowerShapes() { return *InferShapes(TowerSpec().network(), {9, 1, 1}, 3); }

TEST(SquareNetwork, EachLayerReadsAsManyUnitsAsItHas) {
  Trainee<double> trainee(TowerSpec(), TowerShapes());
  const Network<double>& network = trainee.network;
  ASSERT_EQ(network.num_layers(), 4);
  const Matrix<double> x = RandomMatrix<double>(9, 3, 1);
  trainee.Evaluate(x, RandomTargets<double>(3, 3, 2));
  Matrix<double> h = x;
  for (int l = 1; l <= 4; ++l) {
    const Index n = network.size(l);
    EXPECT_EQ(network.weight(l).value.rows(), n);
    EXPECT_EQ(network.weight(l).value.cols(), n);
    const Matrix<double> a = network.weight(l).value * h.topRows(n);
    h = l == 4 ? a : Matrix<double>(a.array().tanh());
    EXPECT_LT((trainee.pass.h[static_cast<size_t>(l)] - h).cwiseAbs().maxCoeff(), 1e-13);
  }
}

TEST(SquareNetwork, BpIsTheGradientOfTheLoss) {
  constexpr double kStep = 1e-6;
  Trainee<double> trainee(TowerSpec(), TowerShapes());
  const Matrix<double> x = RandomMatrix<double>(9, 4, 1);
  const Matrix<double> y = RandomTargets<double>(3, 4, 2);
  trainee.ComputeGradients(x, y);
  for (Parameter<double>& parameter : trainee.network.parameters()) {
    const Matrix<double> analytic = parameter.gradient;
    for (Index i = 0; i < analytic.size(); ++i) {
      const double at = parameter.value.data()[i];
      parameter.value.data()[i] = at + kStep;
      const double up = trainee.Evaluate(x, y).loss;
      parameter.value.data()[i] = at - kStep;
      const double down = trainee.Evaluate(x, y).loss;
      parameter.value.data()[i] = at;
      EXPECT_NEAR(analytic.data()[i], (up - down) / (2 * kStep), 1e-8) << parameter.name;
    }
  }
}

TEST(SquareNetwork, OtherRulesTrainThemToo) {
  for (const std::string rule :
       {"dtp", "dtpdrl", "ddtp_linear", "ddtp_rhl", "ddtp_control", "dfa", "gnt"}) {
    v1::TrainingSpec spec = TowerSpec();
    SetRule(rule, spec);
    spec.mutable_forward()->set_lr(0, 3e-3);
    Trainee<double> trainee(spec, TowerShapes());
    const Matrix<double> x = RandomMatrix<double>(9, 4, 1);
    const Matrix<double> y = RandomTargets<double>(3, 4, 2);
    const double before = trainee.Evaluate(x, y).loss;
    for (int step = 0; step < 200; ++step) trainee.Step(x, y);
    EXPECT_LT(trainee.Evaluate(x, y).loss, 0.8 * before) << rule;
  }
}

TEST(SquareNetwork, HaarMatricesAreOrthogonal) {
  v1::TrainingSpec spec = TowerSpec();
  spec.mutable_network()->set_initialiser(v1::INITIALISER_HAAR);
  Trainee<double> trainee(spec, TowerShapes());
  for (int l = 1; l <= 4; ++l) {
    const Matrix<double>& w = trainee.network.weight(l).value;
    EXPECT_LT((w.transpose() * w - Matrix<double>::Identity(w.cols(), w.cols())).norm(), 1e-13);
  }
}

TEST(SquareNetwork, TheLastTwoLayersStartAlikeOnlyIfAsked) {
  v1::TrainingSpec spec = TowerSpec();
  const auto weights = [&spec](int l, uint64_t seed) {
    return Matrix<double>(
        Trainee<double>(spec, DenseShapes({6, 6, 6, 6}), seed).network.weight(l).value);
  };
  EXPECT_NE(weights(3, 1), weights(2, 1));
  const Matrix<double> hidden = weights(2, 1);
  spec.mutable_network()->set_repeat_last_seed(true);
  EXPECT_EQ(weights(3, 1), weights(2, 1));
  EXPECT_EQ(weights(2, 1), hidden);
  EXPECT_NE(weights(3, 1), weights(3, 2));
  EXPECT_NE(weights(2, 1), weights(1, 1));
}

}  // namespace
}  // namespace tpsweep::trainer
