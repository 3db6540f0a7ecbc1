// Target propagation through exact inverses.
//
//   T[l-1] = g_l(T[l]),  g_l(z) = W[l]^-1 (s_l^-1(z) - b[l])
//
// Symbols, shapes and the gradients are in exact_targets.h, by which
//   C[l] = s_l^-1(T[l]) - s_l^-1(h[l]),   gamma_l = 1
//
// Source: [GAIT] "GAIT-prop: a biologically plausible learning rule derived from
// backpropagation of error" (2020), section 2, and its authors' code.
#include "worker/trainer/rules/exact_targets.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Tp final : public ExactTargets<S> {
 protected:
  double CarryThroughActivation(const Network<S>& network, int l, const Pass<S>& pass,
                                Matrix<S>& change) override {
    this->InvertActivation(network.activation(l), pass.h[static_cast<size_t>(l)], change);
    return 1;
  }
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeTp(const v1::TrainingSpec&, const Network<S>&, uint64_t) {
  return std::make_unique<Tp<S>>();
}

template std::unique_ptr<LearningRule<float>> MakeTp(const v1::TrainingSpec&, const Network<float>&,
                                                     uint64_t);
template std::unique_ptr<LearningRule<double>> MakeTp(const v1::TrainingSpec&,
                                                      const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
