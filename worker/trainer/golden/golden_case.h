// A golden case: what the authors' code computed in a few training steps of a tiny
// network, and all that is needed to compute it again. Format: tests/golden/README.md.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

struct GoldenCase {
  std::string name;
  // Network, loss, rule and optimisers; nothing about data or epochs.
  v1::TrainingSpec spec;
  std::vector<LayerShape> shapes;        // of the layers 0..L
  std::vector<Index> sizes;              // n_0..n_L
  std::vector<int> layers_without_bias;  // those of which the file has no initial bias
  // Layers whose forward parameters step; all if empty.
  std::vector<int> trained_layers;
  bool forward_frozen = false;
  bool feedback_frozen = false;
  double forward_lr_divisor = 1;  // eta where the rate is divided by it
  int num_feedback_steps = 0;     // pre0, pre1, ...
  int num_steps = 0;              // step0, step1, ...
  double relative_tolerance = 1e-9;
  double angle_tolerance_degrees = 1e-5;
};

// kInvalidArgument names what is missing or malformed; kUnimplemented names the
// rule or the feature that this trainer does not have.
absl::StatusOr<GoldenCase> ReadGoldenCase(const SafetensorsFile& file);

// Named float64 tensors as matrices and back. `shape` is that of the file, row-major:
// samples are rows there and columns here, so (B, n) becomes (n, B) as it lies in
// memory; a weight keeps its orientation and is transposed in memory.
absl::StatusOr<Matrix<double>> SamplesOf(const SafetensorsFile& file, const std::string& name,
                                         Index width);
absl::StatusOr<Matrix<double>> ParameterOf(const SafetensorsFile& file, const std::string& name,
                                           Index rows, Index cols, bool is_vector);
// Of convolutional layers: kernels (C_out, C_in, K, K) are (C_out, C_in K K) here, and
// samples (B, C, H, W), which SamplesOf takes too, are (C H W, B).
absl::StatusOr<Matrix<double>> KernelsOf(const SafetensorsFile& file, const std::string& name,
                                         const ConvGeometry& conv);
Tensor KernelsTensor(const Matrix<double>& value, const ConvGeometry& conv);
Tensor MapsTensor(const Matrix<double>& samples, const MapShape& shape);
Tensor SamplesTensor(const Matrix<double>& samples);
Tensor ParameterTensor(const Parameter<double>& parameter, const Matrix<double>& value);
Tensor ScalarTensor(double value);

}  // namespace tpsweep::trainer
