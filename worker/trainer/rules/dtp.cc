// Difference target propagation with layerwise feedback (DTP).
//
//   B batch, n_l width of layer l, L layers, eta target step size, sigma noise
//   h[l]   (n_l, B)          activities, h[l] = f_l(h[l-1]) = s_l(W[l] h[l-1] + b[l])
//   e      (n_L, B)          d loss / d h[L]; holds the 1/B of the mean
//   T[l]   (n_l, B)          target of h[l];  D[l] = T[l] - h[l]
//   Q[k]   (n_{k-1}, n_k)    feedback weights, k = 2..L;  d[k] (n_{k-1}) biases
//   g_k(y) = t(Q[k] y + d[k])
//
// Targets:            D[L] = -eta e,   D[k-1] = g_k(T[k]) - g_k(h[k]),   T = h + D
//   (rules/feedback_chain.h)
// Forward update:     local losses, rules/local_update.h
// Feedback update of each k, with xi ~ N(0, 1) of the shape of h[k-1] and c = 1 / max(sigma,
// 0.02)^2:
//   hc = h[k-1] + sigma xi,   z = Q[k] f_k(hc) + d[k],   r = t(z) - hc
//   loss = c mean(r^2),   dz = 2c/(B n_{k-1}) r * t'(z),   dQ = dz f_k(hc)^T,   dd = sum over B of
//   dz
//
// Source: Lee et al., "Difference target propagation" (2015), in the form of [TF]
// "A theoretical framework for target propagation" (2020) and its authors' code.
#include <algorithm>

#include "worker/trainer/elementwise.h"
#include "worker/trainer/rules/feedback_chain.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

constexpr double kMinSigmaOfScale = 0.02;

template <class S>
class Dtp final : public LearningRule<S> {
 public:
  Dtp(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.dtp().target_stepsize()),
        sigma_(spec.dtp().sigma()),
        chain_(spec.network(), ActivationOf(spec.dtp().feedback_activation(), spec.network()),
               spec.network().bias(), network, seed) {}

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    chain_.SetTargets(eta_, pass, [&](int k) -> typename FeedbackChain<S>::Evaluation {
      const MatrixRef<S> g = g_.Get(network.size(k - 1), pass.h[0].cols());
      return {g, g};
    });
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    const double c = 1 / (std::max(sigma_, kMinSigmaOfScale) * std::max(sigma_, kMinSigmaOfScale));
    for (int k = 2; k <= network.num_layers(); ++k) {
      const Matrix<S>& h = pass.h[static_cast<size_t>(k) - 1];
      const MatrixRef<S> corrupted = corrupted_.Get(h.rows(), h.cols());
      const MatrixRef<S> z = z_.Get(h.rows(), h.cols());
      const MatrixRef<S> g = g_.Get(h.rows(), h.cols());
      const MatrixRef<S> f = f_.Get(network.size(k), h.cols());
      noise.Fill(k - 1, static_cast<S>(sigma_), corrupted);
      Add<S>(h, corrupted, corrupted);
      network.ForwardLayer(k, corrupted, f, f);
      chain_.Evaluate(k, f, z, g);

      const MatrixRef<S>& dz = corrupted;  // which has done its part
      Subtract<S>(g, corrupted, dz);
      const double scale = c / static_cast<double>(h.size());
      losses.push_back(scale * SumOfSquares<S>(dz));
      MultiplyByDerivative<S>(chain_.t(), z, g, static_cast<S>(2 * scale), dz, dz);
      chain_.SetGradient(k, dz, f);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return chain_.parameters(); }
  double target_stepsize() const override { return eta_; }

 private:
  double eta_, sigma_;
  FeedbackChain<S> chain_;
  // Of one layer after the other.
  Scratch<S> corrupted_, z_, g_;  // (n_{k-1}, B)
  Scratch<S> f_;                  // (n_k, B)
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDtp(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed) {
  return std::make_unique<Dtp<S>>(spec, network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeDtp(const v1::TrainingSpec&,
                                                      const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDtp(const v1::TrainingSpec&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
