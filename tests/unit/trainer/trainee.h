// A network in training, without data sets, epochs or checkpoints: the mini-batch
// step of learning_rule.h, for tests and benchmarks of the numerical core.
#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/random.h"
#include "common/training/layer_shapes.h"
#include "tests/fakes/rule_specs.h"
#include "worker/trainer/learning_rule.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/network.h"
#include "worker/trainer/noise.h"
#include "worker/trainer/optimiser.h"
#include "worker/trainer/rules/bp.h"

namespace tpsweep::trainer {

// A complete spec as common/spec would fill it, with the rule of that name.
inline v1::TrainingSpec SpecOfRule(const std::string& rule) {
  v1::TrainingSpec spec;
  spec.set_loss(v1::LOSS_CROSS_ENTROPY);
  spec.set_soft_target(0.9);
  v1::Network& network = *spec.mutable_network();
  network.set_activation(v1::ACTIVATION_TANH);
  network.set_output_activation(v1::ACTIVATION_LINEAR);
  network.set_leaky_slope(0.2);
  network.set_initialiser(v1::INITIALISER_XAVIER_NORMAL);
  network.set_bias(true);
  for (v1::Optimiser* optimiser : {spec.mutable_forward(), spec.mutable_feedback()}) {
    optimiser->add_lr(1e-3);
    optimiser->mutable_adam()->set_beta1(0.9);
    optimiser->mutable_adam()->set_beta2(0.999);
    optimiser->mutable_adam()->set_bias_correction(true);
    optimiser->mutable_adam()->add_epsilon(1e-8);
    optimiser->set_weight_decay(0);
  }
  SetRule(rule, spec);
  if (InvertsLayers(spec)) {
    network.set_activation(v1::ACTIVATION_LEAKY_RELU);
    network.set_initialiser(v1::INITIALISER_HAAR);
  }
  return spec;
}

// Dense layers of these widths; for rules that invert layers all of the widest hidden or
// output width, so that matrices are square from layer 2 on and some outputs auxiliary.
inline std::vector<LayerShape> ShapesFor(const v1::TrainingSpec& spec, std::vector<Index> sizes) {
  if (InvertsLayers(spec)) {
    std::fill(sizes.begin() + 1, sizes.end(), *std::max_element(sizes.begin() + 1, sizes.end()));
  }
  return DenseShapes(sizes);
}

// The table of rules, and the variants among their options.
inline std::vector<std::string> RuleNames() {
  std::vector<std::string> names;
  for (const RuleEntry& rule : Rules()) names.emplace_back(rule.name);
  names.insert(names.end(), std::begin(kRuleVariants), std::end(kRuleVariants));
  return names;
}

// A convolution that keeps the size of the maps, and a pool of stride 2 unless it is 1.
inline void AddConv(int channels, int kernel, int pool, v1::Network& network) {
  v1::Conv& conv = *network.add_layers()->mutable_conv();
  conv.set_channels(channels);
  conv.set_kernel(kernel);
  conv.set_stride(1);
  conv.set_padding(kernel / 2);
  conv.set_pool(pool);
  conv.set_pool_stride(2);
  conv.set_pool_padding(1);
}

// The CIFAR-10 network of [TF].
inline v1::TrainingSpec Cifar10SpecOfRule(const std::string& rule) {
  v1::TrainingSpec spec = SpecOfRule(rule);
  v1::Network& network = *spec.mutable_network();
  for (const int channels : {32, 64}) AddConv(channels, /*kernel=*/5, /*pool=*/3, network);
  network.add_layers()->mutable_dense()->set_units(512);
  return spec;
}

// Maps of 2x6x6, two convolutions with and without a pool, one dense hidden layer, 3 outputs.
inline std::vector<LayerShape> ConvShapes() {
  v1::Network network;
  for (const int pool : {3, 1}) AddConv(/*channels=*/pool, /*kernel=*/3, pool, network);
  network.add_layers()->mutable_dense()->set_units(5);
  return *InferShapes(network, {.channels = 2, .height = 6, .width = 6}, 3);
}

// The same, or for rules that invert layers its first convolution, which is never inverted,
// under two square matrices.
inline std::vector<LayerShape> ConvShapesFor(const v1::TrainingSpec& spec) {
  std::vector<LayerShape> shapes = ConvShapes();
  if (!InvertsLayers(spec)) return shapes;
  shapes.resize(2);
  const Index width = shapes[1].size();
  for (int l = 2; l <= 3; ++l) shapes.push_back({{width, 1, 1}, std::nullopt, width});
  return shapes;
}

template <class S>
Matrix<S> RandomMatrix(Index rows, Index cols, uint64_t key) {
  RandomStream random(key);
  Matrix<S> m(rows, cols);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = static_cast<S>(random.NextNormal());
  return m;
}

// One-hot columns of random classes.
template <class S>
Matrix<S> RandomTargets(Index num_classes, Index batch, uint64_t key) {
  RandomStream random(key);
  Matrix<S> y = Matrix<S>::Zero(num_classes, batch);
  for (Index b = 0; b < batch; ++b) {
    y(static_cast<Index>(random.NextBelow(static_cast<uint64_t>(num_classes))), b) = 1;
  }
  return y;
}

template <class S>
class Trainee {
 public:
  Trainee(v1::TrainingSpec spec_in, const std::vector<Index>& sizes, uint64_t seed = 7,
          std::vector<int> trained_layers = {})
      : Trainee(spec_in, ShapesFor(spec_in, sizes), seed, std::move(trained_layers)) {}

  Trainee(v1::TrainingSpec spec_in, const std::vector<LayerShape>& shapes, uint64_t seed = 7,
          std::vector<int> trained_layers = {})
      : spec(std::move(spec_in)),
        network(spec.network(), shapes,
                RuleOf(spec).layers_without_bias(spec, static_cast<int>(shapes.size()) - 1),
                DeriveSeed(seed, "forward")),
        rule(MakeRule<S>(spec, network, DeriveSeed(seed, "feedback"))),
        noise(DeriveSeed(seed, "noise")),
        forward(*Optimiser<S>::Create(spec.forward(), network.parameters(), network.num_layers(),
                                      spec.normalize_lr() ? rule->target_stepsize() : 1,
                                      trained_layers)),
        feedback(*Optimiser<S>::Create(spec.feedback(), rule->feedback_parameters(),
                                       network.num_layers(), 1, {})) {}

  // Forward pass, loss and output error.
  LossValue Evaluate(const Matrix<S>& x, const Matrix<S>& y) {
    network.Forward(x, pass);
    return EvaluateLoss(spec.loss(), pass.h.back(), y, &pass.output_error);
  }

  // All gradients, no step.
  LossValue ComputeGradients(const Matrix<S>& x, const Matrix<S>& y) {
    const LossValue loss = Evaluate(x, y);
    rule->ComputeUpdate(network, pass);
    noise.set_step(step++);
    rule->ComputeFeedbackUpdate(network, pass, noise, feedback_losses);
    return loss;
  }

  LossValue Step(const Matrix<S>& x, const Matrix<S>& y) {
    const LossValue loss = ComputeGradients(x, y);
    feedback.Step(rule->feedback_parameters());
    forward.Step(network.parameters());
    return loss;
  }

  v1::TrainingSpec spec;
  Network<S> network;
  std::unique_ptr<LearningRule<S>> rule;
  CounterNoise<S> noise;
  Optimiser<S> forward, feedback;
  Pass<S> pass;
  std::vector<double> feedback_losses;
  uint64_t step = 0;
};

}  // namespace tpsweep::trainer
