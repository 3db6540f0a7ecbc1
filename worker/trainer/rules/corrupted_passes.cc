#include "worker/trainer/rules/corrupted_passes.h"

#include <optional>

#include "worker/trainer/elementwise.h"

namespace tpsweep::trainer {

template <class S>
void CorruptedPasses<S>::Run(const Network<S>& network, const Pass<S>& pass, double sigma,
                             NoiseSource<S>& noise) {
  const int num_layers = network.num_layers();
  if (num_layers < 2) return;
  sigma_xi_.resize(static_cast<size_t>(num_layers));
  const Index batch = pass.h[0].cols();
  std::optional<MatrixRef<S>> below;
  for (int l = 1; l < num_layers; ++l) {
    MatrixRef<S> activity = activity_[l % 2].Get(network.size(l), l * batch);
    if (l > 1) {
      MatrixRef<S> passing = activity.leftCols((l - 1) * batch);
      network.ForwardLayer(l, *below, passing, passing);
    }
    Matrix<S>& sigma_xi = sigma_xi_[static_cast<size_t>(l)];
    sigma_xi.resize(network.size(l), batch);
    noise.Fill(l, static_cast<S>(sigma), sigma_xi);
    Add<S>(pass.h[static_cast<size_t>(l)], sigma_xi, activity.rightCols(batch));
    below.emplace(activity);
  }
  ends_.resize(network.size(num_layers), (num_layers - 1) * batch);
  network.AffineLayer(num_layers, *below, ends_);
}

template class CorruptedPasses<float>;
template class CorruptedPasses<double>;

}  // namespace tpsweep::trainer
