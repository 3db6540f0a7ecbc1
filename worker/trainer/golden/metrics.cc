#include "worker/trainer/golden/metrics.h"

#include "absl/strings/str_cat.h"
#include "worker/trainer/measure/measurer.h"

namespace tpsweep::trainer {
namespace {

// Recorded name (before the number of the layer) and that of the measurement.
constexpr struct {
  const char* recorded;
  const char* measured;
} kNames[] = {
    {"bp_angle_W", "layer/bp_angle_weight"},       {"bp_angle_b", "layer/bp_angle_bias"},
    {"gnt_angle_W", "layer/gnt_angle_weight"},     {"gnt_angle_b", "layer/gnt_angle_bias"},
    {"gn_angle_W", "layer/gn_angle_weight"},       {"gn_angle_b", "layer/gn_angle_bias"},
    {"act_bp_angle", "layer/activation_bp_angle"}, {"act_gn_angle", "layer/activation_gn_angle"},
    {"nullspace_ratio", "layer/nullspace_ratio"},
};

}  // namespace

template <class S>
void ComputeMetrics(const Subject<S>& subject, absl::Span<const double> damping,
                    const std::function<void(const std::string& name, double value)>& put) {
  v1::Measure spec;
  spec.set_every(1);
  for (const v1::Quantity quantity : {v1::QUANTITY_BP_ANGLE, v1::QUANTITY_GNT_ANGLE,
                                      v1::QUANTITY_GN_ANGLE, v1::QUANTITY_ACTIVATION_BP_ANGLE,
                                      v1::QUANTITY_ACTIVATION_GN_ANGLE, v1::QUANTITY_NULLSPACE}) {
    spec.add_quantities(quantity);
  }
  for (const double value : damping) spec.add_damping(value);
  v1::Measurement measurement;
  Measurer<S>(spec, subject.network.num_layers()).Measure(subject, nullptr, measurement);
  for (const auto& name : kNames) {
    const auto found = measurement.vectors().find(name.measured);
    if (found == measurement.vectors().end()) continue;
    for (int i = 0; i < found->second.values_size(); ++i) {
      put(absl::StrCat(name.recorded, i + 1), found->second.values(i));
    }
  }
}

template void ComputeMetrics(const Subject<float>&, absl::Span<const double>,
                             const std::function<void(const std::string&, double)>&);
template void ComputeMetrics(const Subject<double>&, absl::Span<const double>,
                             const std::function<void(const std::string&, double)>&);

}  // namespace tpsweep::trainer
