// Direct difference target propagation through a shared random hidden layer (DDTP-RHL),
// trained by the difference reconstruction loss.
//
//   B batch, n_l width of layer l, n_fb of the random layer, L layers, eta target step
//   size, sigma noise
//   a[l], h[l]  (n_l, B)      h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e           (n_L, B)      d loss / d h[L]; holds the 1/B of the mean
//   T[l]        (n_l, B)      target of h[l];  D[l] = T[l] - h[l]
//   v           (n_L, B)      s_L^{-1}(T[L]) - a[L]
//   R, r        (n_fb, n_L), (n_fb)   both U(-1/sqrt(n_L), 1/sqrt(n_L)), never trained
//   Q[i], d[i]  (n_i, n_fb), (n_i)    hidden layers i = 1..L-2; with recurrent input
//                                     (n_i, n_fb + n_i)
//   Q[L-1], d[L-1]  (n_{L-1}, n_L), (n_{L-1})   straight from the output, never recurrent
//
//   phi(y) = tanh(R y + r)
//   g_i(y) = t(Q[i] phi(y) + d[i]), recurrent t(Q[i] [phi(y); h[i]] + d[i]) with h[i] never
//            corrupted;   g_{L-1}(y) = t(Q[L-1] y + d[L-1])
// Targets:          D[L] = -eta e,   D[i] = g_i(a[L] + v) - g_i(a[L]),   T = h + D
// Forward update:   local losses, rules/local_update.h
// Feedback update:  of each i, with xi ~ N(0, 1) of the shape of h[i]:
//   ac = a[L] reached without further noise from h[i] + sigma xi
//   r = sigma xi - (g_i(ac) - g_i(a[L])),   loss = mean(r^2) / sigma^2
//   (gradients: rules/feedback_paths.h)
//
// With a linear t the biases d would cancel, and are left out.
//
// Source: [TF] "A theoretical framework for target propagation" (2020), section 4,
// and its authors' code.
#include <cmath>

#include "common/random.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/rules/clean_evaluation.h"
#include "worker/trainer/rules/corrupted_passes.h"
#include "worker/trainer/rules/direct_feedback.h"
#include "worker/trainer/rules/feedback_paths.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

// PyTorch's initial numbers of a linear layer with `num_inputs` inputs.
template <class S>
Matrix<S> UniformOfLinearLayer(Index rows, Index cols, Index num_inputs, uint64_t key) {
  const double bound = 1 / std::sqrt(static_cast<double>(num_inputs));
  RandomStream random(key);
  Matrix<S> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) {
    values.data()[i] = static_cast<S>(bound * (2 * random.NextUniform() - 1));
  }
  return values;
}

template <class S>
class DdtpRhl final : public LearningRule<S> {
 public:
  DdtpRhl(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.ddtp_rhl().target_stepsize()),
        sigma_(spec.ddtp_rhl().sigma()),
        num_random_paths_(network.num_layers() - 2),
        paths_(Activation{}, ActivationOf(spec.ddtp_rhl().feedback_activation(), spec.network())) {
    const v1::DdtpRhlRule& rule = spec.ddtp_rhl();
    const Index num_outputs = network.size(network.num_layers());
    if (HasRandomLayer()) {
      AddFixed("R", UniformOfLinearLayer<S>(rule.random_units(), num_outputs, num_outputs,
                                            DeriveSeed(seed, "R")));
      AddFixed("r",
               UniformOfLinearLayer<S>(rule.random_units(), 1, num_outputs, DeriveSeed(seed, "r")));
    }
    for (int i = 1; i < network.num_layers(); ++i) {
      const bool is_random = i <= num_random_paths_;
      paths_.AddPath({.layer = i,
                      .widths = {is_random ? rule.random_units() : num_outputs, network.size(i)},
                      .is_recurrent = is_random && rule.recurrent_input(),
                      .has_last_bias = spec.network().bias() &&
                                       rule.feedback_activation() != v1::ACTIVATION_LINEAR},
                     spec.network(), seed);
    }
  }

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    SetOutputTarget(eta_, pass);
    SetPreactivationStep(network, eta_, pass, target_);
    Add<S>(pass.a.back(), target_, target_);
    const Index batch = target_.cols();
    if (HasRandomLayer()) {
      phi_.resize(num_random_units(), (num_random_paths_ + 1) * batch);
      EvaluatePhi(target_, phi_.leftCols(batch));
      EvaluatePhi(pass.a.back(), phi_.rightCols(batch));
    }
    for (int i = 1; i < network.num_layers(); ++i) {
      if (i <= num_random_paths_) {
        paths_.SetTarget(i, phi_.leftCols(batch), phi_.rightCols(batch), pass);
      } else {
        paths_.SetTarget(i, target_, pass.a.back(), pass);
      }
    }
    evaluation_.Keep(pass);
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    passes_.Run(network, pass, sigma_, noise);
    const bool has_clean = evaluation_.Take(pass);
    const Matrix<S>& a = pass.a.back();
    const Index batch = a.cols();
    if (HasRandomLayer()) {  // one product for all passes
      const Index corrupted = num_random_paths_ * batch;
      phi_.resize(num_random_units(), corrupted + batch);
      EvaluatePhi(passes_.ends().leftCols(corrupted), phi_.leftCols(corrupted));
      if (!has_clean) EvaluatePhi(a, phi_.rightCols(batch));
    }
    for (int i = 1; i < network.num_layers(); ++i) {
      const Matrix<S>& sigma_xi = passes_.sigma_xi(i);
      losses.push_back(
          i <= num_random_paths_
              ? paths_.Reconstruct(i, sigma_, sigma_xi, phi_.middleCols((i - 1) * batch, batch),
                                   phi_.rightCols(batch), has_clean, pass)
              : paths_.Reconstruct(i, sigma_, sigma_xi, passes_.end(i), a, has_clean, pass));
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return paths_.parameters(); }
  double target_stepsize() const override { return eta_; }

 private:
  // Not if it would lead to no layer.
  bool HasRandomLayer() const { return num_random_paths_ >= 1; }

  // The random layer is no path's own; it is filed under the first layer that it serves.
  void AddFixed(const char* name, Matrix<S> value) {
    Parameter<S> parameter = MakeParameter<S>(name, 1, std::move(value));
    parameter.is_fixed = true;
    paths_.AddParameter(std::move(parameter));
  }

  const Matrix<S>& R() { return paths_.parameters()[0].value; }
  const Matrix<S>& r() { return paths_.parameters()[1].value; }
  Index num_random_units() { return R().rows(); }

  void EvaluatePhi(const ConstMatrixRef<S>& y, MatrixRef<S> phi) {
    AffineMap<S>(R(), &r(), y, phi);
    Apply<S>({.kind = v1::ACTIVATION_TANH}, phi, phi);
  }

  double eta_, sigma_;
  Index num_random_paths_;  // L - 2: those to the hidden layers but the last
  FeedbackPaths<S> paths_;  // its parameters begin with R, r where they exist
  // Kept, so that steps do not allocate.
  Matrix<S> target_;               // (n_L, B) a[L] + v
  Matrix<S> phi_;                  // (n_fb, (L-1) B) phi of the output in the last B columns
  CleanEvaluation<S> evaluation_;  // of phi and the paths
  CorruptedPasses<S> passes_;
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpRhl(const v1::TrainingSpec& spec,
                                             const Network<S>& network, uint64_t seed) {
  return std::make_unique<DdtpRhl<S>>(spec, network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeDdtpRhl(const v1::TrainingSpec&,
                                                          const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDdtpRhl(const v1::TrainingSpec&,
                                                           const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
