// Direct difference target propagation with linear feedback, trained by plain
// reconstruction (DDTP-control): what is left of ddtp_linear without the difference
// reconstruction loss.
//
//   B batch, n_l width of layer l, L layers, eta target step size, sigma noise
//   a[l], h[l]  (n_l, B)     h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e           (n_L, B)     d loss / d h[L]; holds the 1/B of the mean
//   T[l]        (n_l, B)     target of h[l];  D[l] = T[l] - h[l]
//   Q[i]        (n_i, n_L)   feedback weights from the output to hidden layer i = 1..L-1
//   d[i]        (n_i)        feedback biases, of dense layers
//
// Targets as in ddtp_linear (d cancels):
//   D[L] = -eta e,   D[i] = Q[i] (s_L^{-1}(T[L]) - a[L]),   T = h + D
// Forward update: local losses, rules/local_update.h
// Feedback update of each i, with xi ~ N(0, 1) of the shape of h[i]:
//   hc = h[i] + sigma xi,   ac = a[L] reached from there without further noise
//   r = Q[i] ac + d[i] - hc,   loss = mean(r^2)   (not divided by sigma^2)
//   dQ = 2/(B n_i) r ac^T,   dd = 2/(B n_i) sum over B of r
//
// Source: [TF] "A theoretical framework for target propagation" (2020), section 5 and
// supplement, and its authors' code, whose convolutional layers have no d.
#include "absl/strings/str_cat.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/rules/corrupted_passes.h"
#include "worker/trainer/rules/direct_feedback.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class DdtpControl final : public LearningRule<S> {
 public:
  DdtpControl(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.ddtp_control().target_stepsize()),
        sigma_(spec.ddtp_control().sigma()),
        parameters_(MakeOutputMatrices(spec.network(), network, seed)),
        bias_at_(static_cast<size_t>(network.num_layers()), -1) {
    for (int i = 1; i < network.num_layers(); ++i) {
      if (!spec.network().bias() || network.is_conv(i)) continue;
      bias_at_[static_cast<size_t>(i)] = static_cast<int>(parameters_.size());
      parameters_.push_back(
          MakeParameter<S>(absl::StrCat("d", i), i, Matrix<S>::Zero(network.size(i), 1)));
    }
  }

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    SetLinearTargets<S>(network, eta_, parameters_, pass, preactivation_step_);
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    passes_.Run(network, pass, sigma_, noise);
    for (int i = 1; i < network.num_layers(); ++i) {
      Parameter<S>& q = parameters_[static_cast<size_t>(i) - 1];
      Parameter<S>* d = Bias(i);
      Matrix<S>& sigma_xi = passes_.sigma_xi(i);
      Add<S>(pass.h[static_cast<size_t>(i)], sigma_xi, sigma_xi);  // hc
      MatrixRef<S> r = residual_.Get(sigma_xi.rows(), sigma_xi.cols());
      AffineMap<S>(q.value, d == nullptr ? nullptr : &d->value, passes_.end(i), r);
      Subtract<S>(r, sigma_xi, r);
      const double scale = 1 / static_cast<double>(r.size());
      losses.push_back(scale * SumOfSquares<S>(r));
      AffineGradient<S>(r, passes_.end(i), q.gradient, d == nullptr ? nullptr : &d->gradient,
                        static_cast<S>(2 * scale));
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return absl::MakeSpan(parameters_); }
  double target_stepsize() const override { return eta_; }

 private:
  Parameter<S>* Bias(int i) {
    const int at = bias_at_[static_cast<size_t>(i)];
    return at < 0 ? nullptr : &parameters_[static_cast<size_t>(at)];
  }

  double eta_, sigma_;
  std::vector<Parameter<S>> parameters_;  // Q1, Q2, ..., then the biases that there are
  std::vector<int> bias_at_;              // index i into parameters_; -1: none
  // Kept, so that steps do not allocate.
  Matrix<S> preactivation_step_;  // (n_L, B)
  CorruptedPasses<S> passes_;
  Scratch<S> residual_;  // (n_i, B), of one layer after the other
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpControl(const v1::TrainingSpec& spec,
                                                 const Network<S>& network, uint64_t seed) {
  return std::make_unique<DdtpControl<S>>(spec, network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeDdtpControl(const v1::TrainingSpec&,
                                                              const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDdtpControl(const v1::TrainingSpec&,
                                                               const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
