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
               spec.network().bias(), network, seed),
        scratch_(static_cast<size_t>(network.num_layers()) + 1) {}

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    chain_.SetTargets(eta_, pass);
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    const double c = 1 / (std::max(sigma_, kMinSigmaOfScale) * std::max(sigma_, kMinSigmaOfScale));
    for (int k = 2; k <= network.num_layers(); ++k) {
      Scratch& s = scratch_[static_cast<size_t>(k)];
      const Matrix<S>& h = pass.h[static_cast<size_t>(k) - 1];
      for (Matrix<S>* scratch : {&s.corrupted, &s.z, &s.g, &s.dz}) {
        scratch->resize(h.rows(), h.cols());
      }
      s.f.resize(network.size(k), h.cols());
      noise.Fill(k - 1, static_cast<S>(sigma_), s.corrupted);
      Add<S>(h, s.corrupted, s.corrupted);
      network.ForwardLayer(k, s.corrupted, s.f, s.f);
      chain_.Evaluate(k, s.f, s.z, s.g);

      Subtract<S>(s.g, s.corrupted, s.dz);
      const double scale = c / static_cast<double>(h.size());
      losses.push_back(scale * SumOfSquares<S>(s.dz));
      MultiplyByDerivative<S>(chain_.t(), s.z, s.g, static_cast<S>(2 * scale), s.dz, s.dz);
      chain_.SetGradient(k, s.dz, s.f);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return chain_.parameters(); }
  double target_stepsize() const override { return eta_; }

 private:
  // Of one feedback path; kept, so that steps do not allocate.
  struct Scratch {
    Matrix<S> corrupted, z, g, dz;  // (n_{k-1}, B)
    Matrix<S> f;                    // (n_k, B)
  };

  double eta_, sigma_;
  FeedbackChain<S> chain_;
  std::vector<Scratch> scratch_;  // index k
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
