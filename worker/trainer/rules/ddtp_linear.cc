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
// unless the spec says otherwise.
//
// Source: [TF] "A theoretical framework for target propagation" (2020), section 4,
// and its authors' code.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/initialiser.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

// s^{-1}(s(a) + step) - a without the difference of near equals: exactly 0 for a
// step of 0. Outputs that are neither sigmoid nor tanh are taken as linear.
double InverseStep(v1::Activation output, double a, double step) {
  switch (output) {
    case v1::ACTIVATION_SIGMOID:  // log(y / (1-y)); 1 + exp(-+a) = 1/s(a), 1/(1-s(a))
      return std::log1p(step * (1 + std::exp(-a))) - std::log1p(-step * (1 + std::exp(a)));
    case v1::ACTIVATION_TANH: {  // log((1+y) / (1-y)) / 2; (1 + exp(-+2a)) / 2 = 1/(1+-s(a))
      const double up = step * (1 + std::exp(-2 * a)) / 2;
      const double down = step * (1 + std::exp(2 * a)) / 2;
      return (std::log1p(up) - std::log1p(-down)) / 2;
    }
    default:
      return step;
  }
}

template <class S>
class DdtpLinear final : public LearningRule<S> {
 public:
  DdtpLinear(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.ddtp_linear().target_stepsize()),
        sigma_(spec.ddtp_linear().sigma()),
        corrupted_(static_cast<size_t>(network.num_layers())),
        residual_(static_cast<size_t>(network.num_layers())) {
    const int num_layers = network.num_layers();
    for (int i = 1; i < num_layers; ++i) {
      Matrix<S> weights(network.size(i), network.size(num_layers));
      InitialiseFeedback(spec.network().initialiser(), DeriveSeed(seed, static_cast<uint64_t>(i)),
                         weights);
      parameters_.push_back(MakeParameter(absl::StrCat("Q", i), i, std::move(weights)));
    }
  }

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    const int num_layers = network.num_layers();
    SetOutputTarget(eta_, pass);
    SetPreactivationStep(network.activation(num_layers).kind, pass.a.back(), pass.output_error);
    for (int i = 1; i < num_layers; ++i) {
      const auto at = static_cast<size_t>(i);
      Gemm<S>(Transpose::kNo, Q(i).value, Transpose::kNo, preactivation_step_, 1, 0,
              pass.displacement[at]);
      Add<S>(pass.h[at], pass.displacement[at], pass.target[at]);
    }
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>& network, const Pass<S>& pass, NoiseSource<S>& noise,
                             std::vector<double>& losses) override {
    losses.clear();
    if (parameters_.empty()) return;
    const int num_layers = network.num_layers();
    const Index batch = pass.h[0].cols();
    // The passes that start at layers 1, 2, ... share one product for each layer:
    // corrupted_[l] (n_l, l B) holds in its i-th B columns the activity of layer l
    // after h[i] was corrupted.
    for (int l = 1; l < num_layers; ++l) {
      const auto at = static_cast<size_t>(l);
      Matrix<S>& activity = corrupted_[at];
      Matrix<S>& sigma_xi = residual_[at];
      activity.resize(network.size(l), l * batch);
      sigma_xi.resize(network.size(l), batch);
      if (l > 1) {
        MatrixRef<S> passing = activity.leftCols((l - 1) * batch);
        network.ForwardLayer(l, corrupted_[at - 1], passing, passing);
      }
      noise.Fill(l, sigma_xi);
      Scale<S>(static_cast<S>(sigma_), sigma_xi, sigma_xi);
      Add<S>(pass.h[at], sigma_xi, activity.rightCols(batch));
    }
    corrupted_output_.resize(network.size(num_layers), (num_layers - 1) * batch);
    network.AffineLayer(num_layers, corrupted_.back(), corrupted_output_);

    for (int i = 1; i < num_layers; ++i) {
      MatrixRef<S> y = corrupted_output_.middleCols((i - 1) * batch, batch);
      Subtract<S>(y, pass.a.back(), y);
      Matrix<S>& r = residual_[static_cast<size_t>(i)];  // holds sigma xi
      Gemm<S>(Transpose::kNo, Q(i).value, Transpose::kNo, y, 1, -1, r);
      const double scale = 1 / (sigma_ * sigma_ * static_cast<double>(r.size()));
      losses.push_back(scale * SumOfSquares<S>(r));
      Gemm<S>(Transpose::kNo, r, Transpose::kYes, y, static_cast<S>(2 * scale), 0, Q(i).gradient);
    }
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return absl::MakeSpan(parameters_); }
  double target_stepsize() const override { return eta_; }

 private:
  Parameter<S>& Q(int i) { return parameters_[static_cast<size_t>(i) - 1]; }

  // s_L^{-1}(h[L] - eta e) - a[L].
  void SetPreactivationStep(v1::Activation output, const Matrix<S>& a, const Matrix<S>& e) {
    preactivation_step_.resize(e.rows(), e.cols());
    for (Index i = 0; i < e.size(); ++i) {
      preactivation_step_.data()[i] = static_cast<S>(InverseStep(
          output, static_cast<double>(a.data()[i]), -eta_ * static_cast<double>(e.data()[i])));
    }
  }

  double eta_, sigma_;
  std::vector<Parameter<S>> parameters_;  // Q1, Q2, ...
  // Kept, so that steps do not allocate.
  Matrix<S> preactivation_step_;      // (n_L, B)
  std::vector<Matrix<S>> corrupted_;  // index l: (n_l, l B)
  std::vector<Matrix<S>> residual_;   // index l: (n_l, B)
  Matrix<S> corrupted_output_;        // (n_L, (L-1) B) pre-activations
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDdtpLinear(const v1::TrainingSpec& spec,
                                                const Network<S>& network, uint64_t seed) {
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
