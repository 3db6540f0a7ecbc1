// The angle between the step of a layer's activities to their targets and another one.
#pragma once

#include "worker/trainer/measure/subject.h"
#include "worker/trainer/measure/vectors.h"

namespace tpsweep::trainer {

// Of h[l] - T[l] with `step` (n_l, B), mean over the samples: with d loss / d h[l], or
// with J[l]^+ e. kNone for a rule without targets.
template <class S, class T>
double ActivationAngle(const Subject<S>& subject, int l, const Matrix<T>& step);

}  // namespace tpsweep::trainer
