#include "common/training/measure_memory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tpsweep {
namespace {

constexpr double kMaxBytes = 1073741824;  // 1 GiB

// Of the Jacobian (parameters, outputs of the mini-batch) in float64, and of the
// square factors of its decomposition.
double JointJacobianBytes(double parameters, double outputs) {
  const double smaller = std::min(parameters, outputs);
  return 8 * (parameters * outputs + 4 * smaller * smaller);
}

}  // namespace

absl::Status CheckMeasureMemory(const v1::TrainingSpec& spec, absl::Span<const LayerShape> shapes) {
  if (spec.measure().every() == 0) return absl::OkStatus();
  for (int i = 0; i < spec.measure().quantities_size(); ++i) {
    const v1::Quantity quantity = spec.measure().quantities(i);
    const char* name = quantity == v1::QUANTITY_GN_ANGLE    ? "gn_angle"
                       : quantity == v1::QUANTITY_NULLSPACE ? "nullspace"
                                                            : nullptr;
    if (name == nullptr) continue;
    const auto outputs = static_cast<double>(shapes.back().size()) * spec.batch_size();
    for (size_t l = 1; l < shapes.size(); ++l) {
      const auto parameters = static_cast<double>(NumWeights(shapes[l]) + NumBiases(shapes[l]));
      const double bytes = JointJacobianBytes(parameters, outputs);
      if (bytes <= kMaxBytes) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "measure.quantities[", i, "]: ", name, " of layer ", l, " needs ",
          absl::StrFormat(
              "%.0f bytes (%.0f parameters, %.0f outputs of a mini-batch); at most %.0f "
              "are legal: take a smaller batch_size or network, or leave it out",
              bytes, parameters, outputs, kMaxBytes)));
    }
  }
  return absl::OkStatus();
}

}  // namespace tpsweep
