// Moves a feedback matrix until the dynamics of its loop are stable: steps down the smoothed
// spectral abscissa.
//
//   M  the matrix of the loop (inversion_stability.h): blocks r[1..K], u
//   s  shift: the largest real part of the eigenvalues of M plus epsilon
//   (M - sI) P + P (M - sI)^T = -2I,   (M - sI)^T Q + Q (M - sI) = -2I
//   ds/dM = Q P / tr(Q P);   B <- B - lr of its block (r[1], u);   W stays
// For epsilon -> 0 that is the derivative of the dominant eigenvalue's real part. At 0, as
// the authors have it, M - sI is singular and the equations have no solution.
//
// The two equations are solved in the coordinates of one complex Schur decomposition, so a
// step takes time of the cube of the units of M: at most kMaxSsaUnits
// (common/training/inversion_limits.h).
//
// Source: [DI]; Vanbiervliet et al., "The smoothed spectral abscissa for robust stability
// optimization" (2009). Functions.
#pragma once

#include <string>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// M of a loop with the leak alpha; `chain` is W[1..K].
Matrix<double> LoopMatrix(absl::Span<const Matrix<double>* const> chain,
                          const Matrix<double>& feedback, double alpha);

struct SsaStep {
  double abscissa = 0;      // before the step
  Matrix<double> gradient;  // of the smoothed abscissa in B
};
// Infinite abscissa if M has no decomposition.
SsaStep SmoothedAbscissaStep(absl::Span<const Matrix<double>* const> chain,
                             const Matrix<double>& feedback, double alpha, double smoothing);

// Steps until the abscissa is at most kStableAbscissa, in attempts of max_steps; after an
// attempt any abscissa below 0 will do. Returns why it did not succeed, or nothing.
std::string Stabilise(const v1::Ssa& spec, absl::Span<const Matrix<double>* const> chain,
                      double alpha, Matrix<double>& feedback);

}  // namespace tpsweep::trainer
