// Norms of parameters, gradients, targets and displacements.
#pragma once

#include "tpsweep/v1/measurement.pb.h"
#include "worker/trainer/measure/subject.h"

namespace tpsweep::trainer {

// Frobenius norms of W[l] and b[l] (layer/weight_norm, layer/bias_norm) and of the rule's
// update of them (layer/weight_gradient_norm, ...); of the feedback weights and biases of
// all parameters of a path together, by the layer whose rate they take
// (layer/feedback_weight_norm, ..., layer/feedback_weight_gradient_norm, ...); root mean
// squares over the samples of |T[l]| and |T[l] - h[l]| (layer/target_norm,
// layer/displacement_norm). What a rule has not is left out. Fixed feedback has no gradient.
template <class S>
void AddNorms(const Subject<S>& subject, v1::Measurement& measurement);

}  // namespace tpsweep::trainer
