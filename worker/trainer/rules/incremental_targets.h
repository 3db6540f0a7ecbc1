// What itp and gait share: a small step towards the target is what passes down, in one
// of three ways (v1::Carry). They differ by the power k of the derivative by which a unit's
// displacement is weighted: 0 for itp, 2 for gait.
//
//   P[l] = s_l'(a[l])^k * D[l]   (n_l, B), of D[l] = T[l] - h[l]; C[l], gamma_l: exact_targets.h
//
//   difference      C[l] = s_l'^(k-1) * D[l],  gamma_l = 1: the two below as far as no unit
//                   crosses the kink of its activation, and without their rounding
//   gamma           C[l] = s_l^-1(h[l] + gamma P[l]) - s_l^-1(h[l]),  gamma_l = gamma
//   adaptive_gamma  the same with the gamma_l of each mini-batch that makes the root mean
//                   square over samples of |gamma_l P[l]| the `perturbation` asked for.
//                   Without any error gamma_l is 1.
#pragma once

#include "worker/trainer/rules/exact_targets.h"

namespace tpsweep::trainer {

struct IncrementalOptions {
  v1::Carry carry;
  double gamma, perturbation;
};

template <class S>
class IncrementalTargets final : public ExactTargets<S> {
 public:
  IncrementalTargets(const IncrementalOptions& options, int derivative_power)
      : options_(options), power_(derivative_power) {}

 protected:
  double CarryThroughActivation(const Network<S>& network, int l, const Pass<S>& pass,
                                Matrix<S>& change) override;

 private:
  const IncrementalOptions options_;
  const int power_;
};

}  // namespace tpsweep::trainer
