// Incremental target propagation: a small step towards the target passes down.
//
//   T[l-1] = g_l((1 - gamma) h[l] + gamma T[l]),  g_l(z) = W[l]^-1 (s_l^-1(z) - b[l])
//
// Symbols, shapes and the gradients are in exact_targets.h, the ways to carry the step in
// incremental_targets.h, with the power k = 0 of the derivative. To first order
//   D[l-1] = gamma W[l]^-1 (D[l] / s_l'(a[l]))
// which divides by the derivative where backpropagation multiplies by it.
//
// Source: [GAIT] "GAIT-prop: a biologically plausible learning rule derived from
// backpropagation of error" (2020). Its authors' code does not have this rule; that the
// update undoes the gammas, as that of gait does, follows from the first order above.
#include "worker/trainer/rules/incremental_targets.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {

template <class S>
std::unique_ptr<LearningRule<S>> MakeItp(const v1::TrainingSpec& spec, const Network<S>&,
                                         uint64_t) {
  const v1::ItpRule& rule = spec.itp();
  return std::make_unique<IncrementalTargets<S>>(
      IncrementalOptions{rule.carry(), rule.gamma(), rule.perturbation()}, /*derivative_power=*/0);
}

template std::unique_ptr<LearningRule<float>> MakeItp(const v1::TrainingSpec&,
                                                      const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeItp(const v1::TrainingSpec&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
