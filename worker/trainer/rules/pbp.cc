// Pseudo-backpropagation: errors go down through the pseudo-inverses of the layers.
//
//   W[l]      (n_l, n_{l-1})   W^+ its pseudo-inverse (n_{l-1}, n_l)
//   delta[l]  (n_l, batch)     in the place of d loss / d a[l]; delta[L] exact
//
//   error[l-1] = W[l]^+ delta[l],   delta[l-1] = s'(a[l-1]) * error[l-1]
// Symbols and update as in rules/error_rule.h; W is factored once an update
// (rules/inverse_solve.h).
//
// Source: [DI] (Podlaski and Machens, 2020).
#include <vector>

#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Pbp final : public ErrorRule<S> {
 public:
  using ErrorRule<S>::ErrorRule;

 private:
  void BringDown(int l, const Network<S>& network, const Pass<S>& pass,
                 Matrix<S>& error_below) override {
    inverses_.resize(pass.delta.size());
    PseudoInverse<S>& inverse = inverses_[static_cast<size_t>(l)];
    inverse.Factor(network.weight(l).value);
    inverse.Apply(pass.delta[static_cast<size_t>(l)], error_below);
  }

  std::vector<PseudoInverse<S>> inverses_;  // index l
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakePbp(const v1::TrainingSpec& spec, const Network<S>&,
                                         uint64_t) {
  return std::make_unique<Pbp<S>>(spec.pbp().hidden_errors());
}

template std::unique_ptr<LearningRule<float>> MakePbp(const v1::TrainingSpec&,
                                                      const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakePbp(const v1::TrainingSpec&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
