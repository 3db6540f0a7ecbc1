// A learning rule computes updates; optimisers apply them.
//
// So all rules share optimisers, weight decay, schedules and measurements, and
// backpropagation is one more rule. A rule owns the feedback parameters that it
// learns. Noise comes from a source given by the caller, so that recorded draws
// can be replayed.
//
// One mini-batch, as the training loop and the golden replay run it:
//   network.Forward(x, pass);  EvaluateLoss(kind, pass.h.back(), y, &pass.output_error)
//   rule.ComputeUpdate(network, pass)                          targets, forward gradients
//   rule.ComputeFeedbackUpdate(network, pass, noise, losses)   feedback gradients
//   feedback optimiser step;  forward optimiser step
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Normal draws.
template <class S>
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;
  // Fills `out` (n_layer, B) with the noise sigma xi, xi ~ N(0, 1), that corrupts h[layer].
  virtual void Fill(int layer, S sigma, MatrixRef<S> out) = 0;
};

template <class S>
class LearningRule {
 public:
  virtual ~LearningRule() = default;

  // From the forward pass in `pass` (a, h, output_error): its targets,
  // displacements and deltas, and the gradients of the network's parameters, in
  // the scale that the optimiser is to see (for bp, the gradient of the loss).
  virtual void ComputeUpdate(Network<S>& network, Pass<S>& pass) = 0;

  // The gradients of the feedback parameters, all layers from the same weights.
  // `losses` gets one feedback loss for each feedback path, with the scale of
  // the rule, in the order of the layer it reconstructs. Rules without learned
  // feedback leave it empty. What ComputeUpdate found out of the same forward pass is used
  // again: nothing of pass, network and feedback may have changed in between.
  virtual void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass,
                                     NoiseSource<S>& noise, std::vector<double>& losses) = 0;

  // Parameters of the feedback paths, learned or fixed (is_fixed); empty for rules
  // without. A learned one has as `layer` the layer whose rate it takes.
  virtual absl::Span<Parameter<S>> feedback_parameters() = 0;

  // Target step size (eta); 1 where the rule has none.
  virtual double target_stepsize() const = 0;

  // Why the training cannot go on after the last ComputeUpdate, whose gradients are then
  // worth nothing: "layer 3: W3 is singular, ...", with the remedy. Empty: it can.
  virtual std::string why_infeasible() const { return ""; }

  // Adds what only the rule knows of the last ComputeUpdate to a measurement, for the
  // quantities that are asked for.
  virtual void AddMeasurements(const Network<S>& /*network*/, const Pass<S>& /*pass*/,
                               absl::FunctionRef<bool(v1::Quantity)> /*asks*/,
                               v1::Measurement& /*measurement*/) const {}
};

// One row a rule.
struct RuleEntry {
  v1::TrainingSpec::RuleCase kind;
  const char* name;
  // Layers (1..L) built without a forward bias for this rule and spec.
  std::vector<int> (*layers_without_bias)(const v1::TrainingSpec& spec, int num_layers);
  // `seed` is the root of the initial feedback weights.
  std::unique_ptr<LearningRule<float>> (*make_float)(const v1::TrainingSpec& spec,
                                                     const Network<float>& network, uint64_t seed);
  std::unique_ptr<LearningRule<double>> (*make_double)(const v1::TrainingSpec& spec,
                                                       const Network<double>& network,
                                                       uint64_t seed);
};
absl::Span<const RuleEntry> Rules();

// The rule that `spec` asks for.
const RuleEntry& RuleOf(const v1::TrainingSpec& spec);
template <class S>
std::unique_ptr<LearningRule<S>> MakeRule(const v1::TrainingSpec& spec, const Network<S>& network,
                                          uint64_t seed);

}  // namespace tpsweep::trainer
