// The Jacobians of the outputs in each layer's activities, of all samples of a
// mini-batch at once, and the damped Gauss-Newton steps that follow from them.
//
//   B batch, n_l width of layer l, L layers
//   J[l]  (n_L, n_l)   d h[L] / d h[l] of one sample
//   stacked over the outputs k and samples b, as the columns k B + b of a matrix
//   (n_l, n_L B): row k of J[l] of sample b, so that one product a layer takes all
//   of them back through it.
//
// Results do not depend on the number of threads (parallel.h).
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Index l = 1..L; each (n_l, n_L B). Buffers keep their memory.
template <class S>
struct Jacobians {
  std::vector<Matrix<S>> activity;       // of d h[L] / d h[l]; of the identity for l = L
  std::vector<Matrix<S>> preactivation;  // of d h[L] / d a[l]
};

// At the point of `pass`.
template <class S>
void ComputeJacobians(const Network<S>& network, const Pass<S>& pass, Jacobians<S>& jacobians);

// For each sample of one layer.
struct SampleSteps {
  std::vector<Matrix<double>> step;  // for each damping: (n_l, B), J^T (J J^T + damping I)^-1 e
  std::vector<double> condition;     // of J
};

// `stacked` (n_l, n_L B) as above, e (n_L, B).
template <class S>
void ComputeSteps(const Matrix<S>& stacked, const Matrix<S>& e, absl::Span<const double> dampings,
                  SampleSteps& steps);

}  // namespace tpsweep::trainer
