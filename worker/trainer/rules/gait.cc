// Gradient-adjusted incremental target propagation (GAIT-prop): a small step towards the
// target, weighted by the square of the derivative, passes down.
//
//   T[l-1] = g_l((I - gamma S^2) h[l] + gamma S^2 T[l]),  S = s_l'(a[l]),
//   g_l(z) = W[l]^-1 (s_l^-1(z) - b[l])
//
// Symbols, shapes and the gradients are in exact_targets.h, the ways to carry the step in
// incremental_targets.h, with the power k = 2 of the derivative. To first order
//   D[l-1] = gamma W[l]^-1 (s_l'(a[l]) * D[l])
// and backpropagation has W[l]^T in the place of W[l]^-1: the two are one where W[l] is
// orthogonal.
//
// Source: [GAIT] "GAIT-prop: a biologically plausible learning rule derived from
// backpropagation of error" (2020), section 3, and its authors' code.
#include "worker/trainer/rules/incremental_targets.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {

template <class S>
std::unique_ptr<LearningRule<S>> MakeGait(const v1::TrainingSpec& spec, const Network<S>&,
                                          uint64_t) {
  const v1::GaitRule& rule = spec.gait();
  return std::make_unique<IncrementalTargets<S>>(
      IncrementalOptions{rule.carry(), rule.gamma(), rule.perturbation()}, /*derivative_power=*/2);
}

template std::unique_ptr<LearningRule<float>> MakeGait(const v1::TrainingSpec&,
                                                       const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeGait(const v1::TrainingSpec&,
                                                        const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
