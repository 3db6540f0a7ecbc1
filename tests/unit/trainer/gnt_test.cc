// The rule gnt against the identities that follow from the theory.
#include <gmock/gmock.h>

#include "tests/unit/trainer/trainee.h"

namespace tpsweep::trainer {
namespace {

using Sizes = std::vector<Index>;
const Sizes kSizes[] = {{4, 6, 3}, {5, 7, 6, 2}, {3, 4, 5, 6, 3}, {6, 3, 2}};

v1::TrainingSpec GntSpec(v1::Activation hidden = v1::ACTIVATION_TANH) {
  v1::TrainingSpec spec = SpecOfRule("gnt");
  spec.mutable_network()->set_activation(hidden);
  return spec;
}

// I4: in a linear network direct feedback through the pseudo-inverse is gnt, times eta.
TEST(Gnt, I4IsDirectFeedbackThroughThePseudoInverseInLinearNetworks) {
  for (const Sizes& sizes : kSizes) {
    v1::TrainingSpec direct = SpecOfRule("ddtp_linear");
    direct.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
    const double eta = direct.ddtp_linear().target_stepsize();
    Trainee<double> exact(GntSpec(v1::ACTIVATION_LINEAR), sizes), linear(direct, sizes);
    const Matrix<double> x = RandomMatrix<double>(sizes.front(), 5, 1);
    const Matrix<double> y = RandomTargets<double>(sizes.back(), 5, 2);
    exact.ComputeGradients(x, y);
    // The columns of the pseudo-inverse are what gnt makes of unit errors.
    for (Parameter<double>& q : linear.rule->feedback_parameters()) {
      for (Index k = 0; k < sizes.back(); ++k) {
        Trainee<double> unit(GntSpec(v1::ACTIVATION_LINEAR), sizes);
        unit.Evaluate(x.leftCols(1), y.leftCols(1));
        unit.pass.output_error = Matrix<double>::Identity(sizes.back(), sizes.back()).col(k);
        unit.rule->ComputeUpdate(unit.network, unit.pass);
        q.value.col(k) = -unit.pass.displacement[static_cast<size_t>(q.layer)];
      }
    }
    linear.ComputeGradients(x, y);
    for (size_t l = 1; l < sizes.size(); ++l) {
      EXPECT_LT((linear.pass.displacement[l] - eta * exact.pass.displacement[l]).norm(),
                1e-12 * (1 + exact.pass.displacement[l].norm()));
    }
  }
}

// I4: with one sample, plain descent on one layer's weights moves the output along -e.
TEST(Gnt, I4OneLayersUpdateMovesTheOutputAlongTheError) {
  constexpr double kRate = 0.01;
  for (const Sizes& sizes : {Sizes{4, 6, 3}, Sizes{5, 7, 6, 2}}) {
    Trainee<double> trainee(GntSpec(v1::ACTIVATION_LINEAR), sizes);
    const Matrix<double> x = RandomMatrix<double>(sizes.front(), 1, 1);
    const Matrix<double> y = RandomTargets<double>(sizes.back(), 1, 2);
    for (int l = 1; l <= trainee.network.num_layers(); ++l) {
      trainee.ComputeGradients(x, y);
      const Pass<double> before = trainee.pass;
      Parameter<double>& weight = trainee.network.weight(l);
      const Matrix<double> kept = weight.value;
      weight.value -= kRate * weight.gradient;
      trainee.Evaluate(x, y);
      const Matrix<double> expected =
          -2 * kRate * before.h[static_cast<size_t>(l) - 1].squaredNorm() * before.output_error;
      EXPECT_LT((trainee.pass.h.back() - before.h.back() - expected).norm(), 1e-12);
      weight.value = kept;
    }
  }
}

// Damped: h[L] - T[L] = e / (1 + damping), and much damping gives eta J^T e / damping.
TEST(Gnt, I5DampingTurnsTargetsToTheGradient) {
  v1::TrainingSpec spec = GntSpec();
  spec.mutable_gnt()->set_damping(1e8);
  spec.mutable_gnt()->set_target_stepsize(0.5);
  Trainee<double> trainee(spec, {5, 7, 6, 3});
  trainee.ComputeGradients(RandomMatrix<double>(5, 6, 1), RandomTargets<double>(3, 6, 2));
  std::vector<Matrix<double>> dh, delta;
  Backpropagate(trainee.network, trainee.pass, dh, delta);
  for (size_t l = 1; l <= 3; ++l) {
    EXPECT_LT((-2e8 * trainee.pass.displacement[l] - dh[l]).norm(), 1e-6 * dh[l].norm()) << l;
  }
  spec.mutable_gnt()->set_damping(0.25);
  Trainee<double> damped(spec, {5, 7, 6, 3});
  damped.ComputeGradients(RandomMatrix<double>(5, 6, 1), RandomTargets<double>(3, 6, 2));
  EXPECT_LT((damped.pass.displacement[3] + 0.5 / 1.25 * damped.pass.output_error).norm(), 1e-14);
}

// One sample and a step of 1: the new pre-activation is its target, in every layer.
TEST(GntMinimalNorm, OneStepHitsTheTargetsOfThePreactivations) {
  for (const bool bias : {true, false}) {
    for (const Sizes& sizes : kSizes) {
      v1::TrainingSpec spec = GntSpec();
      spec.mutable_network()->set_bias(bias);
      spec.mutable_gnt()->set_weight_update(v1::GNT_WEIGHT_UPDATE_MINIMAL_NORM);
      spec.mutable_gnt()->set_norm_ratio(0.3);
      Trainee<double> trainee(spec, sizes);
      trainee.ComputeGradients(RandomMatrix<double>(sizes.front(), 1, 1),
                               RandomTargets<double>(sizes.back(), 1, 2));
      for (auto& parameter : trainee.network.parameters()) parameter.value -= parameter.gradient;
      for (int l = 1; l <= trainee.network.num_layers(); ++l) {
        const auto at = static_cast<size_t>(l);
        Matrix<double> a(sizes[at], 1), h(sizes[at], 1);
        trainee.network.ForwardLayer(l, trainee.pass.h[at - 1], a, h);
        EXPECT_LT((h - trainee.pass.target(at)).norm(), 1e-12) << l;
        EXPECT_GT(trainee.pass.displacement[at].norm(), 1e-3);
      }
      // In a linear output layer that is the whole error.
      EXPECT_LT((trainee.pass.displacement.back() + trainee.pass.output_error).norm(), 1e-14);
    }
  }
}

TEST(GntMinimalNorm, NoErrorAndNoInputGiveNoUpdate) {
  v1::TrainingSpec spec = GntSpec();
  spec.mutable_gnt()->set_weight_update(v1::GNT_WEIGHT_UPDATE_MINIMAL_NORM);
  for (const bool has_input : {true, false}) {
    spec.mutable_network()->set_bias(has_input);
    Trainee<float> trainee(spec, {4, 6, 3});
    const Matrix<float> x = has_input ? RandomMatrix<float>(4, 5, 1) : Matrix<float>::Zero(4, 5);
    trainee.Evaluate(x, RandomTargets<float>(3, 5, 2));
    if (has_input) trainee.pass.output_error.setZero();
    trainee.rule->ComputeUpdate(trainee.network, trainee.pass);
    for (const auto& parameter : trainee.network.parameters()) {
      EXPECT_TRUE((parameter.gradient.array() == 0).all()) << parameter.name;
    }
  }
}

}  // namespace
}  // namespace tpsweep::trainer
