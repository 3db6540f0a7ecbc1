// When the loops of dynamic inversion are stable, without nonlinearities.
//
//   W[1..K]  the matrices that a loop inverts, upwards; di: one, sldi: those of layers 2..L
//   B        feedback from the controller u to the lowest estimate r[1]
//   alpha    leak of the controller;  g  run-time factor of B;  dt  Euler step
//   dr[1]/dt = -r[1] + g B u,   dr[k]/dt = -r[k] + W[k-1] r[k-1],   du/dt = -alpha u + W[K] r[K] -
//   delta
//
// An eigenvector of P = W[K]..W[1] B, with eigenvalue mu, reduces the loop to K + 1 numbers
// whose eigenvalues solve (lambda + 1)^K (lambda + alpha) = g mu. What P does not see decays
// by itself: estimates with eigenvalue -1, the controller of a layer that expands with -alpha.
// For K = 1: lambda^2 + (1 + alpha) lambda + alpha - g mu = 0.
//
// Source: [DI] and its supplement; the conditions follow from the equations. Functions.
#pragma once

#include <complex>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

struct LoopSpectrum {
  int num_estimates = 1;                 // K
  std::vector<std::complex<double>> mu;  // eigenvalues of P; infinity if it is not finite
  // What P does not see: units of an r[k], or of u, beyond those of r[1] and of u.
  bool has_free_estimates = false;
  bool has_free_controllers = false;
};

// `chain` is W[1..K].
template <class S>
LoopSpectrum SpectrumOf(absl::Span<const Matrix<S>* const> chain, const Matrix<S>& feedback);

struct Euler {
  double dt = 0;
  v1::EulerOrder order = v1::EULER_ORDER_IN_TURN;
};

// The largest real part of the eigenvalues; below 0 the loop is stable.
double SpectralAbscissa(const LoopSpectrum& loop, double alpha, double factor = 1);
// The largest modulus of the eigenvalues of an Euler step; below 1 the steps converge.
double EulerRadius(const LoopSpectrum& loop, double alpha, double factor, const Euler& euler);

// For K = 1 the same as an inequality: (1 + alpha)^2 (alpha - p) > q^2 for mu = p + iq.
bool IsStable(std::complex<double> mu, double alpha);

// Where `leak` and ssa stop: each deviation decays by 1 % in a unit of time.
inline constexpr double kStableAbscissa = -0.01;

// The smallest alpha of `least` or more whose abscissa is at most kStableAbscissa.
double SmallestStableLeak(const LoopSpectrum& loop, double least);

// The largest g in (0, 1] by which the loop is stable, and its Euler steps if there are any,
// with a decay of half of what the leak has without feedback (at most that of
// kStableAbscissa). Nothing if no g does it: alpha is 0 and an eigenvalue of P points outwards.
std::optional<double> LargestStableFactor(const LoopSpectrum& loop, double alpha,
                                          const std::optional<Euler>& euler);

// The largest step of at most euler.dt that converges, of a loop that is stable. Nothing if
// it is a trillion times smaller.
std::optional<double> LargestStableStep(const LoopSpectrum& loop, double alpha, double factor,
                                        const Euler& euler);

}  // namespace tpsweep::trainer
