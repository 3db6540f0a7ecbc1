// What di and sldi share: they bring errors down by loops of dynamic inversion
// (inversion_dynamics.h), which are kept stable between updates (inversion_loops.h).
#pragma once

#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/inversion_dynamics.h"
#include "worker/trainer/rules/inversion_loops.h"

namespace tpsweep::trainer {

template <class S>
class LoopRule : public ErrorRule<S> {
 public:
  absl::Span<Parameter<S>> feedback_parameters() final { return loops_.parameters(); }
  bool multiplies_by_derivative() const final {
    return nonlinearity_ == v1::NONLINEARITY_TIMES_DERIVATIVE;
  }

 protected:
  using Link = typename InversionDynamics<S>::Link;

  // `spec` is a v1::DiRule or a v1::SldiRule.
  template <class Spec>
  LoopRule(const Spec& spec, bool is_single, const Network<S>& network, uint64_t seed)
      : ErrorRule<S>(spec.hidden_errors()),
        nonlinearity_(spec.nonlinearity()),
        loops_({spec.feedback(), spec.stabilise(), spec.alpha(),
                Euler{spec.dynamics().dt(), spec.dynamics().order()}, is_single},
               network, seed) {}

  const InversionLoops<S>& loops() const { return loops_; }

  // W[l] and the units that it reads.
  static Link LinkOf(int l, const Network<S>& network, const Pass<S>& pass) {
    const auto below = static_cast<size_t>(l) - 1;
    return {&network.weight(l).value, network.activation(l - 1), &pass.a[below], &pass.h[below]};
  }

  // y = Scale(B) delta is what a loop inverts of a mini-batch of B, and r / Scale(B) the error.
  // Around zero the size and the sign matter: there it is that of the paper, target minus
  // output of each sample.
  S Scale(Index batch) const {
    return nonlinearity_ == v1::NONLINEARITY_AROUND_ZERO ? -static_cast<S>(batch) : S{1};
  }

 private:
  void Prepare(const Network<S>& network) final { this->Fail(loops_.Maintain(network)); }

  v1::Nonlinearity nonlinearity_;
  InversionLoops<S> loops_;
};

}  // namespace tpsweep::trainer
