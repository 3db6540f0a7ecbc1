#include "worker/trainer/golden/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
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

// `scale`: what the error is relative to, where the recorded numbers are not larger.
double Error(const Tensor& recorded, const Tensor& computed, bool is_absolute, double scale = 0) {
  double worst = 0;
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

// The regulariser's part of a gradient may be nothing but rounding (of an orthogonal
// matrix): it is measured by the whole.
double ScaleOfWhole(const SafetensorsFile& recorded, const std::string& name) {
  const std::string whole = absl::StrReplaceAll(name, {{"/grad_orth/", "/grad/"}});
  const auto it = recorded.tensors.find(whole);
  if (whole == name || it == recorded.tensors.end()) return 0;
  double scale = 0;
  for (size_t i = 0; i < it->second.data.size() / sizeof(double); ++i) {
    scale = std::max(scale, std::abs(At(it->second, i)));
  }
  return scale;
}

// "step1/grad/W2" has that of layer 2, where layers have their own.
double RelativeTolerance(const GoldenCase& golden_case, const std::string& name) {
  const bool is_of_layer = absl::StrContains(name, "/grad/") || absl::StrContains(name, "/after/");
  const size_t last = name.find_last_not_of("0123456789");
  int layer = 0;
  if (!is_of_layer || !absl::SimpleAtoi(name.substr(last + 1), &layer) || layer < 1 ||
      static_cast<size_t>(layer) > golden_case.layer_tolerance.size()) {
    return golden_case.relative_tolerance;
  }
  return std::max(golden_case.relative_tolerance,
                  golden_case.layer_tolerance[static_cast<size_t>(layer) - 1]);
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
    const double tolerance =
        kind.is_angle ? golden_case.angle_tolerance_degrees : RelativeTolerance(golden_case, name);
    const double error =
        Error(reference, it->second, kind.is_absolute, ScaleOfWhole(recorded, name));
    ++kind.num_tensors;
    ++result.num_compared;
    if (kind.worst_tensor.empty() || error / tolerance > kind.worst_error / kind.tolerance) {
      kind.worst_error = error;
      kind.worst_tensor = name;
      kind.tolerance = tolerance;
    }
    if (!(error <= tolerance)) result.out_of_tolerance.push_back(name);
  }
  return result;
}

}  // namespace tpsweep::trainer
