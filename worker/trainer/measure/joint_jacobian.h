// What needs the Jacobian of all outputs of a mini-batch in all parameters of a layer.
// It is held in memory: common/training/measure_memory.h says how much that is, and
// refuses what is too much.
//
//   P parameters of the layer, N = n_L B outputs of the mini-batch
//   A (N, P)   row k B + b: d h[L]_k of sample b / d (W[l], b[l]), flattened
#pragma once

#include "worker/trainer/measure/subject.h"
#include "worker/trainer/measure/vectors.h"

namespace tpsweep::trainer {

// `preactivation` (n_l, N) is the layer's Jacobian in its pre-activations (jacobian.h).

// Angle of the rule's update of W[l] and of b[l] with the parts of the Gauss-Newton step
// A^T (A A^T + damping I)^-1 e (damping 0: pseudo-inverse) for both together.
template <class S>
WeightAndBias GaussNewtonAngle(const Subject<S>& subject, int l, const Matrix<S>& preactivation,
                               double damping);

// The norm of the part of the rule's update of W[l] that changes no output of the
// mini-batch to first order, over the norm of the update. kNone for an update of zero.
// Singular values of A (weights only) of 1e-12 and less count as zero.
template <class S>
double NullspaceRatio(const Subject<S>& subject, int l, const Matrix<S>& preactivation);

}  // namespace tpsweep::trainer
