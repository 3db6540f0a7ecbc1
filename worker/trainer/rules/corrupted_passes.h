// The noisy passes behind the reconstruction losses of whole stretches of the network:
// from every hidden layer i = 1..L-1 one pass that starts at h[i] + sigma xi,
// xi ~ N(0, 1), and goes on to the output without further noise.
//
//   B batch, n_l width of layer l, L layers
#pragma once

#include <vector>

#include "worker/trainer/learning_rule.h"
#include "worker/trainer/network.h"
#include "worker/trainer/scratch.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Everything that it gives out may be overwritten, and holds until the next Run.
template <class S>
class CorruptedPasses {
 public:
  // Nothing happens in a network without hidden layers.
  void Run(const Network<S>& network, const Pass<S>& pass, double sigma, NoiseSource<S>& noise);

  // (n_i, B) sigma xi.
  Matrix<S>& sigma_xi(int i) { return sigma_xi_[static_cast<size_t>(i)]; }
  // (n_L, B) a[L] at the end of pass i.
  MatrixRef<S> end(int i) {
    const Index batch = sigma_xi_.back().cols();
    return ends_.middleCols((i - 1) * batch, batch);
  }
  // (n_L, (L-1) B) those of all passes, side by side.
  Matrix<S>& ends() { return ends_; }

 private:
  std::vector<Matrix<S>> sigma_xi_;  // index i
  // The passes share one product for each layer: (n_l, l B), in its i-th B columns the activity of
  // layer l in pass i. Of this layer and the one below.
  Scratch<S> activity_[2];
  Matrix<S> ends_;
};

}  // namespace tpsweep::trainer
