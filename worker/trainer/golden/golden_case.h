// A golden case: what the authors' code computed in a few training steps of a tiny
// network, and all that is needed to compute it again. Format: tests/golden/README.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Of the scripts of [DI], whose first step changes no weight, and scales no hidden error if
// the network is not linear.
struct InversionScript {
  double alpha = 0;
  bool is_linear = false;
};

struct GoldenCase {
  std::string name;
  // Network, loss, rule and optimisers; nothing about data or epochs.
  v1::TrainingSpec spec;
  std::vector<LayerShape> shapes;        // of the layers 0..L
  std::vector<Index> sizes;              // n_0..n_L
  Index num_targets = 0;                 // n_L, or fewer: the others are auxiliary
  std::vector<int> layers_without_bias;  // those of which the file has no initial bias
  // Layers whose forward parameters step; all if empty.
  std::vector<int> trained_layers;
  bool forward_frozen = false;
  bool feedback_frozen = false;
  double forward_lr_divisor = 1;  // eta where the rate is divided by it
  int num_feedback_steps = 0;     // pre0, pre1, ...
  int num_steps = 0;              // step0, step1, ...
  // Of the Gauss-Newton metrics: one for all layers, or one for each hidden layer.
  std::vector<double> metric_damping = {0};
  std::optional<InversionScript> inversion;
  double relative_tolerance = 1e-9;
  // Of gradients and parameters of the layers 1..L, where theirs are wider; or empty.
  std::vector<double> layer_tolerance;
  double angle_tolerance_degrees = 1e-5;
};

// kInvalidArgument names what is missing or malformed; kUnimplemented names the
// rule or the feature that this trainer does not have.
absl::StatusOr<GoldenCase> ReadGoldenCase(const SafetensorsFile& file);

}  // namespace tpsweep::trainer
