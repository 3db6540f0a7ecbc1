// One loop of dynamic inversion on a whole mini-batch, by Euler steps from zero.
//
//   W[1..K]  the matrices that are inverted, upwards;  B, g, alpha  as in inversion_stability.h
//   r[k]     (columns of W[k], batch)   estimates;   u  (rows of W[K], batch)  controller
//   y        (rows of W[K], batch)      what the inversion is of
//   phi[k]   r[k]; with around_zero s(r[k]), with linearised s'(a) * r[k], s and a of the
//            units that W[k] reads
//
//   u    <- (1 - dt alpha) u + dt (W[K] phi[K] - y)
//   r[1] <- (1 - dt) r[1] + dt g B u,   r[k] <- (1 - dt) r[k] + dt W[k-1] phi[k-1]
// In turn: each from the newest of the others, in the order u, r[1], ... (di) or
// r[1], ..., r[K], u (sldi, as the authors). At once: all from before the step.
//
// Each line is one matrix product, with the decay as its beta. With a tolerance, all samples
// of a mini-batch make as many steps as the slowest of them. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// A loop whose state is longer than this times y has diverged.
inline constexpr double kMostGrowth = 1e8;

template <class S>
class InversionDynamics {
 public:
  // W[k] and the units that it reads; `a` and `h` are only read with linearised.
  struct Link {
    const Matrix<S>* w;
    Activation activation;
    const Matrix<S>* a;
    const Matrix<S>* h;
  };

  InversionDynamics(const v1::Dynamics& spec, v1::Nonlinearity nonlinearity, bool controller_first)
      : spec_(spec), nonlinearity_(nonlinearity), controller_first_(controller_first) {}

  // False if the loop diverges: its state is no longer finite, or grows beyond kMostGrowth.
  bool Run(absl::Span<const Link> chain, const Matrix<S>& feedback, double alpha, double factor,
           const Matrix<S>& y);

  // Of the last Run. k = 1..K.
  const Matrix<S>& estimate(int k) const { return r_[static_cast<size_t>(k) - 1]; }
  const Matrix<S>& controller() const { return u_; }
  int64_t num_steps() const { return num_steps_; }
  // ||W[K] phi[K] - y|| / ||y||, mean over samples. `last` is the link of W[K].
  double Residual(const Link& last, const Matrix<S>& y) const;

 private:
  void StepController(absl::Span<const Link> chain, double alpha);
  // Of r[k+1], from below.
  void StepEstimate(absl::Span<const Link> chain, size_t k);
  void StepLowest(const Matrix<S>& feedback, double factor);
  void Step(absl::Span<const Link> chain, const Matrix<S>& feedback, double alpha, double factor);
  const Matrix<S>& Phi(const Link& link, const Matrix<S>& r, Matrix<S>& scratch) const;
  double StateNorm() const;
  bool HasConverged() const;

  v1::Dynamics spec_;
  v1::Nonlinearity nonlinearity_;
  bool controller_first_;
  int64_t num_steps_ = 0;
  // Kept, so that steps do not allocate.
  std::vector<Matrix<S>> r_, phi_, r_before_;
  Matrix<S> u_, next_u_, u_before_;
  Matrix<S> drive_;  // dt y
};

}  // namespace tpsweep::trainer
