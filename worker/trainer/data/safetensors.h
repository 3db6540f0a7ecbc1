// The safetensors file format: 8-byte little-endian header length, JSON header,
// raw row-major little-endian data. Checkpoints and golden cases are written in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tpsweep::trainer {

enum class TensorType { kFloat32, kFloat64, kUint8, kInt64, kUint64 };

struct Tensor {
  TensorType type = TensorType::kFloat64;
  std::vector<int64_t> shape;  // empty: a scalar
  std::string data;            // row-major, little-endian

  int64_t num_elements() const;
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;  // __metadata__
  std::map<std::string, Tensor> tensors;
};

// Trusts nothing: a header that does not parse, a type that is not known, an
// offset outside the file, tensors that overlap or leave gaps are
// kInvalidArgument with `name`, the tensor and the reason.
absl::StatusOr<SafetensorsFile> ParseSafetensors(absl::string_view bytes, absl::string_view name);

std::string SerializeSafetensors(const SafetensorsFile& file);

}  // namespace tpsweep::trainer
