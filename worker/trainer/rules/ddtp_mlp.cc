// ddtp_linear with feedback paths that are more than a matrix each: multilayer paths, an
// activation at their end, recurrent input. Trained by the difference reconstruction loss.
//
//   B batch, n_l width of layer l, L layers, eta target step size, sigma noise
//   a[l], h[l]  (n_l, B)     h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e           (n_L, B)     d loss / d h[L]; holds the 1/B of the mean
//   T[l]        (n_l, B)     target of h[l];  D[l] = T[l] - h[l]
//   v           (n_L, B)     s_L^{-1}(T[L]) - a[L]
//   g_i                      feedback path from the output to hidden layer i = 1..L-1:
//                            affine maps with p between them and t at the end
//                            (rules/feedback_paths.h). That to layer L-1 is t(Q y), never
//                            deeper and never recurrent
//
// Targets:          D[L] = -eta e,   D[i] = g_i(a[L] + v) - g_i(a[L]),   T = h + D
// Forward update:   local losses, rules/local_update.h
// Feedback update:  of each i, with xi ~ N(0, 1) of the shape of h[i]:
//   ac = a[L] reached without further noise from h[i] + sigma xi
//   r = sigma xi - (g_i(ac) - g_i(a[L])),   loss = mean(r^2) / sigma^2
//
// With a linear t the last bias of a path would cancel, and is left out. As in the
// authors' code, layer L-1 has a feedback bias only where it has a forward bias.
//
// Source: the code of [TF] "A theoretical framework for target propagation" (2020).
#include "worker/trainer/elementwise.h"
#include "worker/trainer/rules/clean_evaluation.h"
#include "worker/trainer/rules/corrupted_passes.h"
#include "worker/trainer/rules/direct_feedback.h"
#include "worker/trainer/rules/feedback_paths.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class DdtpMlp final : public LearningRule<S> {
 public:
  DdtpMlp(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.ddtp_linear().target_stepsize()),
        sigma_(spec.ddtp_linear().sigma()),
        paths_(ActivationOf(spec.ddtp_linear().feedback_hidden_activation(), spec.network()),
               ActivationOf(spec.ddtp_linear().feedback_activation(), spec.network())) {
    const v1::DdtpLinearRule& rule = spec.ddtp_linear();
    const bool bias = spec.network().bias();
    const bool last_bias = bias && rule.feedback_activation() != v1::ACTIVATION_LINEAR;
    const int last_hidden = network.num_layers() - 1;
    for (int i = 1; i <= last_hidden; ++i) {
      FeedbackPathShape shape = {.layer = i, .widths = {network.size(last_hidden + 1)}};
      if (i < last_hidden) {
        for (const int32_t width : rule.feedback_hidden()) shape.widths.push_back(width);
        shape.is_recurrent = rule.recurrent_input();
        shape.has_hidden_bias = bias;
      }
      shape.has_last_bias = last_bias && (i < last_hidden || rule.last_hidden_bias());
      shape.widths.push_back(network.size(i));
      paths_.AddPath(shape, spec.network(), seed);
    }
  }

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    SetOutputTarget(eta_, pass);
    SetPreactivationStep(network, eta_, pass, target_);
    Add<S>(pass.a.back(), target_, target_);
    for (int i = 1; i < network.num_layers(); ++i) {
      paths_.SetTarget(i, target_, pass.a.back(), pass);
    }
    evaluation_.Keep(pass);
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    passes_.Run(network, pass, sigma_, noise);
    const bool has_clean = evaluation_.Take(pass);
    for (int i = 1; i < network.num_layers(); ++i) {
      losses.push_back(paths_.Reconstruct(i, sigma_, passes_.sigma_xi(i), passes_.end(i),
                                          pass.a.back(), has_clean, pass));
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return paths_.parameters(); }
  double target_stepsize() const override { return eta_; }

 private:
  double eta_, sigma_;
  FeedbackPaths<S> paths_;
  // Kept, so that steps do not allocate.
  Matrix<S> target_;               // (n_L, B) a[L] + v
  CleanEvaluation<S> evaluation_;  // of the paths
  CorruptedPasses<S> passes_;
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpMlp(const v1::TrainingSpec& spec,
                                             const Network<S>& network, uint64_t seed) {
  return std::make_unique<DdtpMlp<S>>(spec, network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeDdtpMlp(const v1::TrainingSpec&,
                                                          const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDdtpMlp(const v1::TrainingSpec&,
                                                           const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
