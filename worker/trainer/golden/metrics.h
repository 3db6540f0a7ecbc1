// The metrics of a golden case, by the measurements of the trainer.
#pragma once

#include <functional>
#include <string>

#include "absl/types/span.h"
#include "worker/trainer/measure/subject.h"

namespace tpsweep::trainer {

// Calls put(name, value) for bp_angle_W1, gnt_angle_b2, act_gn_angle3, nullspace_ratio1, ...
// `damping` has one entry for all layers or one for each hidden layer.
template <class S>
void ComputeMetrics(const Subject<S>& subject, absl::Span<const double> damping,
                    const std::function<void(const std::string& name, double value)>& put);

}  // namespace tpsweep::trainer
