// Difference target propagation with layerwise feedback, trained by the difference
// reconstruction loss through the whole chain (DTPDRL).
//
//   B batch, n_l width of layer l, L layers, eta target step size, sigma noise
//   h[l]   (n_l, B)          activities
//   e      (n_L, B)          d loss / d h[L]; holds the 1/B of the mean
//   T[l]   (n_l, B)          target of h[l];  D[l] = T[l] - h[l]
//   Q[k]   (n_{k-1}, n_k)    feedback weights, k = 2..L;  d[k] (n_{k-1}) biases
//   g_k(y) = t(Q[k] y + d[k])
//
// Targets:          D[L] = -eta e,   D[k-1] = g_k(T[k]) - g_k(h[k]),   T = h + D
//   (rules/feedback_chain.h)
// Forward update:   local losses, rules/local_update.h
// Feedback update of each k, with xi ~ N(0, 1) of the shape of h[k-1]:
//   hc[L] = h[L] reached without further noise from h[k-1] + sigma xi
//   hc[l-1] = h[l-1] + (g_l(hc[l]) - g_l(h[l]))   for l = L..k+1
//   r = sigma xi - (g_k(hc[k]) - g_k(h[k])),   loss = mean(r^2) / sigma^2
//   with zc, z the arguments of t in the two and c = 2/(sigma^2 B n_{k-1}):
//   dQ = -c (r * t'(zc)) hc[k]^T + c (r * t'(z)) h[k]^T,   dd alike without hc, h
//   (gradients to Q[k], d[k] only, from the weights before the step)
//
// With a linear t the biases d would cancel, and are left out.
//
// Source: [TF] "A theoretical framework for target propagation" (2020), section 4,
// and its authors' code.
#include "worker/trainer/elementwise.h"
#include "worker/trainer/rules/clean_evaluation.h"
#include "worker/trainer/rules/corrupted_passes.h"
#include "worker/trainer/rules/feedback_chain.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Dtpdrl final : public LearningRule<S> {
 public:
  Dtpdrl(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.dtpdrl().target_stepsize()),
        sigma_(spec.dtpdrl().sigma()),
        chain_(
            spec.network(), ActivationOf(spec.dtpdrl().feedback_activation(), spec.network()),
            spec.network().bias() && spec.dtpdrl().feedback_activation() != v1::ACTIVATION_LINEAR,
            network, seed),
        levels_(static_cast<size_t>(network.num_layers()) + 1) {}

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    chain_.SetTargets(eta_, pass);
    evaluation_.Keep(pass);
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    const int num_layers = network.num_layers();
    losses.assign(static_cast<size_t>(num_layers) - 1, 0.0);
    if (num_layers < 2) return;
    passes_.Run(network, pass, sigma_, noise);
    const bool has_clean = evaluation_.Take(pass);
    const Index batch = pass.h[0].cols();
    for (int l = 2; l <= num_layers; ++l) {
      Level& level = levels_[static_cast<size_t>(l)];
      level.h.resize(network.size(l), l * batch);
      level.h.rightCols(batch) = pass.h[static_cast<size_t>(l)];
      level.z.resize(network.size(l - 1), l * batch);
      level.g.resize(network.size(l - 1), l * batch);
      level.dz.resize(network.size(l - 1), 2 * batch);
    }
    Apply<S>(network.activation(num_layers), passes_.ends(),
             levels_.back().h.leftCols((num_layers - 1) * batch));
    for (int k = num_layers; k >= 2; --k) {
      Level& level = levels_[static_cast<size_t>(k)];
      const Index columns = has_clean ? (k - 1) * batch : k * batch;
      chain_.Evaluate(k, level.h.leftCols(columns), level.z.leftCols(columns),
                      level.g.leftCols(columns));
      if (has_clean) {
        level.z.rightCols(batch) = chain_.z_of_targets(k);
        level.g.rightCols(batch) = chain_.g_of_targets(k);
      }
      const auto g_clean = level.g.rightCols(batch);
      for (int i = 1; i + 1 < k; ++i) {  // those that go further down
        MatrixRef<S> below =
            levels_[static_cast<size_t>(k) - 1].h.middleCols((i - 1) * batch, batch);
        Subtract<S>(level.g.middleCols((i - 1) * batch, batch), g_clean, below);
        Add<S>(pass.h[static_cast<size_t>(k) - 1], below, below);
      }
      losses[static_cast<size_t>(k) - 2] = Reconstruct(k, level, batch);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return chain_.parameters(); }
  double target_stepsize() const override { return eta_; }

 private:
  // What g_l maps in the passes that began at layers 1..l-1, and without noise: one
  // product for all. B columns for each, the clean ones last.
  struct Level {
    Matrix<S> h;     // (n_l, l B)
    Matrix<S> z, g;  // (n_{l-1}, l B)
    Matrix<S> dz;    // (n_{l-1}, 2 B) of the last pass and the clean columns
  };

  // The loss and the gradients of path k, which ends the pass that began at layer k - 1.
  double Reconstruct(int k, Level& level, Index batch) {
    const auto of_path = [&](Matrix<S>& m) { return m.rightCols(2 * batch); };
    Matrix<S>& r = passes_.sigma_xi(k - 1);
    MatrixRef<S> change = level.dz.leftCols(batch);
    Subtract<S>(of_path(level.g).leftCols(batch), of_path(level.g).rightCols(batch), change);
    Subtract<S>(r, change, r);
    const double scale = 1 / (sigma_ * sigma_ * static_cast<double>(r.size()));
    const double loss = scale * SumOfSquares<S>(r);
    Scale<S>(static_cast<S>(-2 * scale), r, level.dz.leftCols(batch));
    Scale<S>(static_cast<S>(2 * scale), r, level.dz.rightCols(batch));
    MultiplyByDerivative<S>(chain_.t(), of_path(level.z), of_path(level.g), level.dz);
    chain_.SetGradient(k, level.dz, of_path(level.h));
    return loss;
  }

  double eta_, sigma_;
  FeedbackChain<S> chain_;
  // Kept, so that steps do not allocate.
  CleanEvaluation<S> evaluation_;  // of the chain
  CorruptedPasses<S> passes_;
  std::vector<Level> levels_;  // index l
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDtpdrl(const v1::TrainingSpec& spec, const Network<S>& network,
                                            uint64_t seed) {
  return std::make_unique<Dtpdrl<S>>(spec, network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeDtpdrl(const v1::TrainingSpec&,
                                                         const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDtpdrl(const v1::TrainingSpec&,
                                                          const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
