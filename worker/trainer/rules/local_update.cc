#include "worker/trainer/rules/local_update.h"

#include "worker/trainer/elementwise.h"

namespace tpsweep::trainer {

template <class S>
void SetOutputTarget(double eta, Pass<S>& pass) {
  const size_t count = pass.h.size();
  pass.displacement.resize(count);
  for (size_t l = 1; l < count; ++l) {
    pass.displacement[l].resize(pass.h[l].rows(), pass.h[l].cols());
  }
  Scale<S>(static_cast<S>(-eta), pass.output_error, pass.displacement.back());
}

template <class S>
void ComputeLocalGradients(Network<S>& network, Pass<S>& pass) {
  const size_t count = pass.h.size();
  pass.delta.resize(count);
  // The optimiser begins with the first layer, whose gradient is then still in the cache.
  for (size_t i = count - 1; i >= 1; --i) {
    const int l = static_cast<int>(i);
    Matrix<S>& delta = pass.delta[i];
    delta.resize(pass.h[i].rows(), pass.h[i].cols());
    const Index terms = network.is_conv(l) ? delta.size() : delta.cols();
    MultiplyByDerivative<S>(network.activation(l), pass.a[i], pass.h[i],
                            S{-2} / static_cast<S>(terms), pass.displacement[i], delta);
    network.SetLayerGradient(l, delta, pass);
  }
}

template void SetOutputTarget(double, Pass<float>&);
template void SetOutputTarget(double, Pass<double>&);
template void ComputeLocalGradients(Network<float>&, Pass<float>&);
template void ComputeLocalGradients(Network<double>&, Pass<double>&);

}  // namespace tpsweep::trainer
