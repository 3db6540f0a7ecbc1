// The soft orthogonality regulariser.
//
//   R = sum over i != j of (w_i . w_j)^2 over the columns w of W (n_l, n_{l-1}): what each
//   unit below sends up. dR/dW = 4 W offdiag(W^T W). Norms are free: R(c Q) = 0 for any
//   orthogonal Q.
//
// Source: [GAIT] section 3 and its authors' code (whose W is the transpose).
#pragma once

#include "worker/trainer/network.h"

namespace tpsweep::trainer {

// R of one matrix.
template <class S>
double OrthogonalityPenalty(const Matrix<S>& w);

// Adds strength * dR/dW of each dense layer to the gradient of its W.
template <class S>
void AddOrthogonalityGradient(double strength, Network<S>& network);

}  // namespace tpsweep::trainer
