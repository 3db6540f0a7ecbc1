// The float64 tensors of a golden case as matrices, and back. Shapes are those of the
// file, row-major: samples are rows there and columns here, so (B, n) becomes (n, B) as
// it lies in memory; a weight keeps its orientation and is transposed in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/training/layer_shapes.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// kInvalidArgument if there is no tensor of that name, of type F64 and of that shape.
absl::StatusOr<const Tensor*> WithShape(const SafetensorsFile& file, const std::string& name,
                                        const std::vector<int64_t>& expected);

// Of convolutional layers: kernels (C_out, C_in, K, K) are (C_out, C_in K K) here, and
// samples (B, C, H, W), which SamplesOf takes too, are (C H W, B).
std::vector<int64_t> KernelShape(const ConvGeometry& conv);
absl::StatusOr<Matrix<double>> KernelsOf(const SafetensorsFile& file, const std::string& name,
                                         const ConvGeometry& conv);
Tensor KernelsTensor(const Matrix<double>& value, const ConvGeometry& conv);
Tensor MapsTensor(const Matrix<double>& samples, const MapShape& shape);

absl::StatusOr<Matrix<double>> SamplesOf(const SafetensorsFile& file, const std::string& name,
                                         Index width);

// `parameter` ("W2", "d1") says whether it is a vector, stored with one dimension.
bool IsVector(absl::string_view parameter);
absl::StatusOr<Matrix<double>> ParameterOf(const SafetensorsFile& file, const std::string& prefix,
                                           const std::string& parameter, Index rows, Index cols);

Tensor SamplesTensor(const Matrix<double>& samples);
Tensor ParameterTensor(absl::string_view parameter, const Matrix<double>& value);
Tensor ScalarTensor(double value);

}  // namespace tpsweep::trainer
