// Angles between the update of the rule for a layer's parameters and the one that
// follows from another error of its pre-activations.
#pragma once

#include "worker/trainer/measure/subject.h"
#include "worker/trainer/measure/vectors.h"

namespace tpsweep::trainer {

// With dW[l] = delta h[l-1]^T, db[l] = the sum of delta over the batch, delta (n_l, B);
// for delta = d loss / d a[l] the angle with backpropagation.
template <class S>
WeightAndBias UpdateAngle(const Subject<S>& subject, int l, const Matrix<S>& delta);

// With the update from targets h[l] - step, step (n_l, B): delta = s_l'(a[l]) * step, but
// for a factor that no angle sees. For step = J[l]^+ e the angle with Gauss-Newton targets.
template <class S>
WeightAndBias TargetUpdateAngle(const Subject<S>& subject, int l, const Matrix<double>& step);

}  // namespace tpsweep::trainer
