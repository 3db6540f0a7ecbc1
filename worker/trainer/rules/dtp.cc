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
//   (in this order of operations no error gives exactly no update)
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

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/initialiser.h"
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
        t_(FeedbackActivation(spec.dtp().feedback_activation(), spec.network())),
        has_bias_(spec.network().bias()),
        scratch_(static_cast<size_t>(network.num_layers()) + 1) {
    for (int k = 2; k <= network.num_layers(); ++k) {
      Matrix<S> weights(network.size(k - 1), network.size(k));
      InitialiseFeedback(spec.network().initialiser(), DeriveSeed(seed, static_cast<uint64_t>(k)),
                         weights);
      parameters_.push_back(MakeParameter(absl::StrCat("Q", k), k, std::move(weights)));
      if (!has_bias_) continue;
      parameters_.push_back(
          MakeParameter<S>(absl::StrCat("d", k), k, Matrix<S>::Zero(network.size(k - 1), 1)));
    }
  }

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    SetOutputTarget(eta_, pass);
    for (int k = network.num_layers(); k >= 2; --k) {
      Scratch& s = scratch_[static_cast<size_t>(k)];
      const auto above = static_cast<size_t>(k);
      const size_t below = above - 1;
      Feedback(k, pass.target[above], s.z, s.g_target);
      Feedback(k, pass.h[above], s.z, s.g);
      Subtract<S>(s.g_target, s.g, pass.displacement[below]);
      Add<S>(pass.h[below], pass.displacement[below], pass.target[below]);
    }
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    const double c = 1 / (std::max(sigma_, kMinSigmaOfScale) * std::max(sigma_, kMinSigmaOfScale));
    for (int k = 2; k <= network.num_layers(); ++k) {
      Scratch& s = scratch_[static_cast<size_t>(k)];
      const Matrix<S>& h = pass.h[static_cast<size_t>(k) - 1];
      s.corrupted.resize(h.rows(), h.cols());
      noise.Fill(k - 1, s.corrupted);
      Scale<S>(static_cast<S>(sigma_), s.corrupted, s.corrupted);
      Add<S>(h, s.corrupted, s.corrupted);

      s.f.resize(network.size(k), h.cols());
      network.ForwardLayer(k, s.corrupted, s.f, s.f);
      Feedback(k, s.f, s.z, s.g);

      Matrix<S>& dz = s.g_target;  // free by now, and of the right shape
      dz.resize(h.rows(), h.cols());
      Subtract<S>(s.g, s.corrupted, dz);
      const double scale = c / static_cast<double>(h.size());
      losses.push_back(scale * SumOfSquares<S>(dz));
      Scale<S>(static_cast<S>(2 * scale), dz, dz);
      MultiplyByDerivative<S>(t_, s.z, s.g, dz);
      AffineGradient<S>(dz, s.f, Q(k).gradient, has_bias_ ? &d(k).gradient : nullptr);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return absl::MakeSpan(parameters_); }
  double target_stepsize() const override { return eta_; }

 private:
  // Of one feedback path; kept, so that steps do not allocate.
  struct Scratch {
    Matrix<S> z, g, g_target, corrupted;  // (n_{k-1}, B)
    Matrix<S> f;                          // (n_k, B)
  };

  Parameter<S>& Q(int k) { return parameters_[static_cast<size_t>(k - 2) * (has_bias_ ? 2 : 1)]; }
  Parameter<S>& d(int k) { return parameters_[static_cast<size_t>(k - 2) * 2 + 1]; }

  // z = Q[k] y + d[k],  g = t(z).
  void Feedback(int k, const Matrix<S>& y, Matrix<S>& z, Matrix<S>& g) {
    const Matrix<S>& weights = Q(k).value;
    z.resize(weights.rows(), y.cols());
    g.resize(weights.rows(), y.cols());
    AffineMap<S>(weights, has_bias_ ? &d(k).value : nullptr, y, z);
    Apply<S>(t_, z, g);
  }

  double eta_, sigma_;
  Activation t_;
  bool has_bias_;
  std::vector<Parameter<S>> parameters_;  // Q2, d2, Q3, d3, ...
  std::vector<Scratch> scratch_;          // index k
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
