// Direct difference target propagation with linear feedback (DDTP-linear), trained
// by the difference reconstruction loss (DRL).
//
//   B batch, n_l width of layer l, L layers, eta target step size, sigma noise
//   a[l], h[l]  (n_l, B)     h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e           (n_L, B)     d loss / d h[L]; holds the 1/B of the mean
//   T[l]        (n_l, B)     target of h[l];  D[l] = T[l] - h[l]
//   Q[i]        (n_i, n_L)   feedback weights from the output to hidden layer i = 1..L-1
//
// Targets, in the space of the output's pre-activations (T[L] goes through the
// inverse of a sigmoid or tanh output):
//   D[L] = -eta e,   D[i] = Q[i] (s_L^{-1}(T[L]) - a[L]),   T = h + D
// Forward update: local losses, rules/local_update.h
// Feedback update of each i, with xi ~ N(0, 1) of the shape of h[i]:
//   ac = a[L] reached without further noise from h[i] + sigma xi,   y = ac - a[L]
//   r = Q[i] y - sigma xi,   loss = mean(r^2) / sigma^2,   dQ = 2/(sigma^2 B n_i) r y^T
//
// Feedback biases would cancel in the difference and get no gradient: there are none.
// The authors build the last hidden layer without a forward bias; so is it here
// unless the spec says otherwise. Paths that are not one matrix each: ddtp_mlp.cc.
//
// Source: [TF] "A theoretical framework for target propagation" (2020), section 4,
// and its authors' code.
#include "worker/trainer/elementwise.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/rules/corrupted_passes.h"
#include "worker/trainer/rules/direct_feedback.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class DdtpLinear final : public LearningRule<S> {
 public:
  DdtpLinear(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.ddtp_linear().target_stepsize()),
        sigma_(spec.ddtp_linear().sigma()),
        parameters_(MakeOutputMatrices(spec.network(), network, seed)) {}

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
      MatrixRef<S> y = passes_.end(i);
      Subtract<S>(y, pass.a.back(), y);
      Matrix<S>& r = passes_.sigma_xi(i);
      Gemm<S>(Transpose::kNo, q.value, Transpose::kNo, y, 1, -1, r);
      const double scale = 1 / (sigma_ * sigma_ * static_cast<double>(r.size()));
      losses.push_back(scale * SumOfSquares<S>(r));
      Gemm<S>(Transpose::kNo, r, Transpose::kYes, y, static_cast<S>(2 * scale), 0, q.gradient);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return absl::MakeSpan(parameters_); }
  double target_stepsize() const override { return eta_; }

 private:
  double eta_, sigma_;
  std::vector<Parameter<S>> parameters_;  // Q1, Q2, ...
  // Kept, so that steps do not allocate.
  Matrix<S> preactivation_step_;  // (n_L, B)
  CorruptedPasses<S> passes_;
};

bool IsLinear(const v1::DdtpLinearRule& rule) {
  return rule.feedback_hidden().empty() && !rule.recurrent_input() &&
         rule.feedback_activation() == v1::ACTIVATION_LINEAR;
}

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpLinear(const v1::TrainingSpec& spec,
                                                const Network<S>& network, uint64_t seed) {
  if (!IsLinear(spec.ddtp_linear())) return MakeDdtpMlp(spec, network, seed);
  return std::make_unique<DdtpLinear<S>>(spec, network, seed);
}

std::vector<int> DdtpLinearLayersWithoutBias(const v1::TrainingSpec& spec, int num_layers) {
  if (spec.ddtp_linear().last_hidden_bias() || num_layers < 2) return {};
  return {num_layers - 1};
}

template std::unique_ptr<LearningRule<float>> MakeDdtpLinear(const v1::TrainingSpec&,
                                                             const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDdtpLinear(const v1::TrainingSpec&,
                                                              const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
