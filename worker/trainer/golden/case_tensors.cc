#include "worker/trainer/golden/case_tensors.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<const Tensor*> Float64(const SafetensorsFile& file, const std::string& name) {
  const auto it = file.tensors.find(name);
  if (it == file.tensors.end()) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is missing"));
  }
  if (it->second.type != TensorType::kFloat64) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is not of type F64"));
  }
  return &it->second;
}

Matrix<double> FromRowMajor(const Tensor& tensor, Index rows, Index cols) {
  Matrix<double> transposed(cols, rows);
  std::copy(tensor.data.begin(), tensor.data.end(), reinterpret_cast<char*>(transposed.data()));
  return transposed.transpose();
}

Tensor MakeTensor(std::vector<int64_t> shape, const double* data, size_t count) {
  Tensor tensor;
  tensor.type = TensorType::kFloat64;
  tensor.shape = std::move(shape);
  tensor.data.assign(reinterpret_cast<const char*>(data), count * sizeof(double));
  return tensor;
}

}  // namespace

absl::StatusOr<const Tensor*> WithShape(const SafetensorsFile& file, const std::string& name,
                                        const std::vector<int64_t>& expected) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor, Float64(file, name));
  if (tensor->shape == expected) return tensor;
  return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' has shape ",
                                                 ShapeText(tensor->shape), "; expected ",
                                                 ShapeText(expected)));
}

absl::StatusOr<Matrix<double>> SamplesOf(const SafetensorsFile& file, const std::string& name,
                                         Index width) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor, Float64(file, name));
  const std::vector<int64_t>& shape = tensor->shape;
  const bool is_map = shape.size() == 4;
  if ((shape.size() != 2 && !is_map) || shape[0] < 1 ||
      tensor->num_elements() != shape[0] * width) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", name, "' has shape ", ShapeText(tensor->shape), "; expected [B, ", width, "]"));
  }
  Matrix<double> samples(width, tensor->shape[0]);
  std::copy(tensor->data.begin(), tensor->data.end(), reinterpret_cast<char*>(samples.data()));
  return samples;
}

bool IsVector(absl::string_view parameter) {
  return parameter[0] == 'b' || parameter[0] == 'd' || parameter[0] == 'r';
}

absl::StatusOr<Matrix<double>> ParameterOf(const SafetensorsFile& file, const std::string& prefix,
                                           const std::string& parameter, Index rows, Index cols) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor,
                      WithShape(file, absl::StrCat(prefix, parameter),
                                IsVector(parameter) ? std::vector<int64_t>{rows}
                                                    : std::vector<int64_t>{rows, cols}));
  return FromRowMajor(*tensor, rows, cols);
}

std::vector<int64_t> KernelShape(const ConvGeometry& conv) {
  return {conv.map.channels, conv.input.channels, conv.kernel, conv.kernel};
}

absl::StatusOr<Matrix<double>> KernelsOf(const SafetensorsFile& file, const std::string& name,
                                         const ConvGeometry& conv) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor, WithShape(file, name, KernelShape(conv)));
  return FromRowMajor(*tensor, conv.map.channels, conv.patch_size());
}

Tensor KernelsTensor(const Matrix<double>& value, const ConvGeometry& conv) {
  const Matrix<double> transposed = value.transpose();
  return MakeTensor(KernelShape(conv), transposed.data(), static_cast<size_t>(value.size()));
}

Tensor MapsTensor(const Matrix<double>& samples, const MapShape& shape) {
  Tensor tensor = SamplesTensor(samples);
  tensor.shape = {samples.cols(), shape.channels, shape.height, shape.width};
  return tensor;
}

Tensor SamplesTensor(const Matrix<double>& samples) {
  return MakeTensor({samples.cols(), samples.rows()}, samples.data(),
                    static_cast<size_t>(samples.size()));
}

Tensor ParameterTensor(absl::string_view parameter, const Matrix<double>& value) {
  const Matrix<double> transposed = value.transpose();
  return MakeTensor(IsVector(parameter) ? std::vector<int64_t>{value.rows()}
                                        : std::vector<int64_t>{value.rows(), value.cols()},
                    transposed.data(), static_cast<size_t>(value.size()));
}

Tensor ScalarTensor(double value) { return MakeTensor({}, &value, 1); }

}  // namespace tpsweep::trainer
