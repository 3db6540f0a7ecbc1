// Backpropagation: the exact gradient of the loss.
//
//   B batch, n_l width of layer l, L layers
//   h[l]      (n_l, B)        activities, h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e         (n_L, B)        d loss / d h[L]; holds the 1/B of the mean
//   dh[l]     (n_l, B)        d loss / d h[l]
//   delta[l]  (n_l, B)        d loss / d a[l]
//
//   dh[L] = e,   delta[l] = dh[l] * s_l'(a[l]),   dh[l-1] = W[l]^T delta[l]
//   dW[l] = delta[l] h[l-1]^T,   db[l] = sum over the batch of delta[l]
// As a rule, the hidden deltas may be scaled (rules/hidden_errors.h).
//
// Source: Rumelhart, Hinton and Williams, "Learning representations by
// back-propagating errors" (1986).
#include "worker/trainer/rules/bp.h"

#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {

template <class S>
void Backpropagate(const Network<S>& network, const Pass<S>& pass, std::vector<Matrix<S>>& dh,
                   std::vector<Matrix<S>>& delta) {
  const size_t count = pass.h.size();
  dh.resize(count);
  delta.resize(count);
  dh.back() = pass.output_error;
  for (size_t i = count - 1; i >= 1; --i) {
    const int l = static_cast<int>(i);
    delta[i] = dh[i];
    MultiplyByDerivative<S>(network.activation(l), pass.a[i], pass.h[i], delta[i]);
    if (l == 1) break;
    dh[i - 1].resize(network.size(l - 1), delta[i].cols());
    network.BackwardLayer(l, delta[i], pass, dh[i - 1]);
  }
}

namespace {

template <class S>
class Bp final : public ErrorRule<S> {
 public:
  using ErrorRule<S>::ErrorRule;

 private:
  void BringDown(int l, const Network<S>& network, const Pass<S>& pass,
                 Matrix<S>& error_below) override {
    network.BackwardLayer(l, pass.delta[static_cast<size_t>(l)], pass, error_below);
  }
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeBp(const v1::TrainingSpec& spec, const Network<S>&, uint64_t) {
  return std::make_unique<Bp<S>>(spec.bp().hidden_errors());
}

template void Backpropagate(const Network<float>&, const Pass<float>&, std::vector<Matrix<float>>&,
                            std::vector<Matrix<float>>&);
template void Backpropagate(const Network<double>&, const Pass<double>&,
                            std::vector<Matrix<double>>&, std::vector<Matrix<double>>&);
template std::unique_ptr<LearningRule<float>> MakeBp(const v1::TrainingSpec&, const Network<float>&,
                                                     uint64_t);
template std::unique_ptr<LearningRule<double>> MakeBp(const v1::TrainingSpec&,
                                                      const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
