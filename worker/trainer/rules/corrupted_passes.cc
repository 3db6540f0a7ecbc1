#include "worker/trainer/rules/corrupted_passes.h"

#include "worker/trainer/elementwise.h"

namespace tpsweep::trainer {

template <class S>
void CorruptedPasses<S>::Run(const Network<S>& network, const Pass<S>& pass, double sigma,
                             NoiseSource<S>& noise) {
  const int num_layers = network.num_layers();
  if (num_layers < 2) return;
  sigma_xi_.resize(static_cast<size_t>(num_layers));
  activity_.resize(static_cast<size_t>(num_layers));
  const Index batch = pass.h[0].cols();
  for (int l = 1; l < num_layers; ++l) {
    const auto at = static_cast<size_t>(l);
    Matrix<S>& activity = activity_[at];
    Matrix<S>& sigma_xi = sigma_xi_[at];
    activity.resize(network.size(l), l * batch);
    sigma_xi.resize(network.size(l), batch);
    if (l > 1) {
      MatrixRef<S> passing = activity.leftCols((l - 1) * batch);
      network.ForwardLayer(l, activity_[at - 1], passing, passing);
    }
    noise.Fill(l, static_cast<S>(sigma), sigma_xi);
    Add<S>(pass.h[at], sigma_xi, activity.rightCols(batch));
  }
  ends_.resize(network.size(num_layers), (num_layers - 1) * batch);
  network.AffineLayer(num_layers, activity_.back(), ends_);
}

template class CorruptedPasses<float>;
template class CorruptedPasses<double>;

}  // namespace tpsweep::trainer
