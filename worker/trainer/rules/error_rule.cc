#include "worker/trainer/rules/error_rule.h"

namespace tpsweep::trainer {

template <class S>
void ErrorRule<S>::ComputeUpdate(Network<S>& network, Pass<S>& pass) {
  const int last = network.num_layers();
  const Index batch = pass.output_error.cols();
  error_.resize(pass.h.size());
  pass.delta.resize(pass.h.size());
  for (int l = 1; l < last; ++l) mutable_error(l).resize(network.size(l), batch);
  pass.delta.back() = pass.output_error;
  MultiplyByDerivative<S>(network.activation(last), pass.a.back(), pass.h.back(),
                          pass.delta.back());
  Prepare(network);
  if (!why_infeasible_.empty()) return;
  BringDownAll(network, pass);
  if (!why_infeasible_.empty()) return;
  if (hidden_errors_.scales()) {
    sent_delta_ = pass.delta;
    for (int l = 1; l < last; ++l) hidden_errors_.Scale(pass.delta[static_cast<size_t>(l)]);
  }
  // The optimiser begins with the first layer, whose gradient is then still in the cache.
  for (int l = last; l >= 1; --l) {
    network.SetLayerGradient(l, pass.delta[static_cast<size_t>(l)], pass);
  }
}

template <class S>
void ErrorRule<S>::BringDownAll(const Network<S>& network, Pass<S>& pass) {
  for (int l = network.num_layers(); l >= 2 && why_infeasible_.empty(); --l) {
    BringDown(l, network, pass, mutable_error(l - 1));
    SetDelta(l - 1, network, pass);
  }
}

template <class S>
void ErrorRule<S>::SetDelta(int l, const Network<S>& network, Pass<S>& pass) {
  const auto i = static_cast<size_t>(l);
  if (multiplies_by_derivative()) {
    hidden_errors_.Differentiate(network.activation(l), pass.a[i], pass.h[i], error_[i],
                                 pass.delta[i]);
  } else {
    pass.delta[i] = error_[i];
  }
}

template class ErrorRule<float>;
template class ErrorRule<double>;

}  // namespace tpsweep::trainer
