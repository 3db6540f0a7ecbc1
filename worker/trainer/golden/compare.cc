#include "worker/trainer/golden/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace tpsweep::trainer {
namespace {

// "step1/grad/W2" -> "grad/W"; "" for what is given and not computed.
std::string KindOf(absl::string_view name) {
  const size_t slash = name.find('/');
  if (slash == absl::string_view::npos || absl::StartsWith(name, "init/")) return "";
  name.remove_prefix(slash + 1);
  if (name == "x" || name == "y" || name == "label" || absl::StartsWith(name, "noise/")) return "";
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.remove_suffix(1);
  return std::string(name);
}

double At(const Tensor& tensor, size_t i) {
  double value;
  std::memcpy(&value, tensor.data.data() + i * sizeof(double), sizeof(double));
  return value;
}

double Error(const Tensor& recorded, const Tensor& computed, bool is_absolute) {
  double worst = 0;
  double scale = 0;
  for (size_t i = 0; i < recorded.data.size() / sizeof(double); ++i) {
    const double reference = At(recorded, i);
    const double difference = At(computed, i) - reference;
    if (std::isnan(reference) && std::isnan(At(computed, i))) continue;
    if (At(computed, i) == reference) {  // infinities too
      scale = std::max(scale, std::abs(reference));
      continue;
    }
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(difference));
    scale = std::max(scale, std::abs(reference));
  }
  return is_absolute || scale == 0 ? worst : worst / scale;
}

}  // namespace

Comparison Compare(const GoldenCase& golden_case, const SafetensorsFile& recorded,
                   const SafetensorsFile& computed) {
  Comparison result;
  for (const auto& [name, reference] : recorded.tensors) {
    const std::string kind_name = KindOf(name);
    if (kind_name.empty()) continue;
    const auto it = computed.tensors.find(name);
    if (it == computed.tensors.end() || it->second.shape != reference.shape ||
        reference.type != TensorType::kFloat64) {
      result.missing.push_back(name);
      continue;
    }
    Comparison::Kind& kind = result.kinds[kind_name];
    kind.is_angle = absl::StrContains(kind_name, "angle");
    kind.is_absolute = kind.is_angle || absl::StrContains(kind_name, "ratio");
    kind.tolerance =
        kind.is_angle ? golden_case.angle_tolerance_degrees : golden_case.relative_tolerance;
    const double error = Error(reference, it->second, kind.is_absolute);
    ++kind.num_tensors;
    ++result.num_compared;
    if (error > kind.worst_error || kind.worst_tensor.empty()) {
      kind.worst_error = error;
      kind.worst_tensor = name;
    }
    if (!(error <= kind.tolerance)) result.out_of_tolerance.push_back(name);
  }
  return result;
}

}  // namespace tpsweep::trainer
