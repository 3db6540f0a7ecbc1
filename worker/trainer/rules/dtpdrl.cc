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
#include <optional>

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
        clean_(static_cast<size_t>(network.num_layers()) + 1) {}

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    const Index batch = pass.h[0].cols();
    chain_.SetTargets(eta_, pass, [&](int k) -> Evaluation {
      Clean& clean = clean_[static_cast<size_t>(k)];
      clean.z.resize(network.size(k - 1), batch);
      clean.g.resize(network.size(k - 1), batch);
      return {clean.z, clean.g};
    });
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
    // What g_k maps in the passes that began at layers 1..k-1, and without noise: one product for
    // all. B columns for each, the clean ones last.
    const auto h_of = [&](int k) {
      MatrixRef<S> h = h_[k % 2].Get(network.size(k), k * batch);
      h.rightCols(batch) = pass.h[static_cast<size_t>(k)];
      return h;
    };
    std::optional<MatrixRef<S>> h = h_of(num_layers);
    Apply<S>(network.activation(num_layers), passes_.ends(), h->leftCols((num_layers - 1) * batch));
    for (int k = num_layers; k >= 2; --k) {
      MatrixRef<S> z = z_.Get(network.size(k - 1), k * batch);
      MatrixRef<S> g = g_.Get(network.size(k - 1), k * batch);
      const Index columns = has_clean ? (k - 1) * batch : k * batch;
      chain_.Evaluate(k, h->leftCols(columns), z.leftCols(columns), g.leftCols(columns));
      Clean& kept = clean_[static_cast<size_t>(k)];
      const Evaluation clean = has_clean ? Evaluation{kept.z, kept.g}
                                         : Evaluation{z.rightCols(batch), g.rightCols(batch)};
      const auto of_pass = [&](MatrixRef<S>& m, int i) {
        return MatrixRef<S>(m.middleCols((i - 1) * batch, batch));
      };
      losses[static_cast<size_t>(k) - 2] =
          Reconstruct(k, h->rightCols(2 * batch), {of_pass(z, k - 1), of_pass(g, k - 1)}, clean);
      if (k == 2) break;
      MatrixRef<S> h_below = h_of(k - 1);
      for (int i = 1; i + 1 < k; ++i) {  // those that go further down
        MatrixRef<S> below = of_pass(h_below, i);
        Subtract<S>(of_pass(g, i), clean.g, below);
        Add<S>(pass.h[static_cast<size_t>(k) - 1], below, below);
      }
      h.emplace(h_below);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return chain_.parameters(); }
  double target_stepsize() const override { return eta_; }

 private:
  using Evaluation = typename FeedbackChain<S>::Evaluation;

  // The loss and the gradients of path k, which ends the pass that began at layer k - 1: `h`
  // (n_k, 2 B) is what it maps, of that pass and without noise.
  double Reconstruct(int k, const ConstMatrixRef<S>& h, const Evaluation& corrupted,
                     const Evaluation& clean) {
    Matrix<S>& r = passes_.sigma_xi(k - 1);
    MatrixRef<S> dz = dz_.Get(r.rows(), 2 * r.cols());
    MatrixRef<S> change = dz.leftCols(r.cols());
    Subtract<S>(corrupted.g, clean.g, change);
    Subtract<S>(r, change, r);
    const double scale = 1 / (sigma_ * sigma_ * static_cast<double>(r.size()));
    const double loss = scale * SumOfSquares<S>(r);
    const auto c = static_cast<S>(2 * scale);
    MultiplyByDerivative<S>(chain_.t(), corrupted.z, corrupted.g, -c, r, dz.leftCols(r.cols()));
    MultiplyByDerivative<S>(chain_.t(), clean.z, clean.g, c, r, dz.rightCols(r.cols()));
    chain_.SetGradient(k, dz, h);
    return loss;
  }

  // g_k and its argument at h[k], (n_{k-1}, B).
  struct Clean {
    Matrix<S> z, g;
  };

  double eta_, sigma_;
  FeedbackChain<S> chain_;
  // Kept, so that steps do not allocate.
  std::vector<Clean> clean_;  // index k, of the targets
  CleanEvaluation<S> evaluation_;
  CorruptedPasses<S> passes_;
  // Of one layer after the other.
  Scratch<S> h_[2];   // (n_k, k B) of this path and the next one
  Scratch<S> z_, g_;  // (n_{k-1}, k B)
  Scratch<S> dz_;     // (n_{k-1}, 2 B)
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
