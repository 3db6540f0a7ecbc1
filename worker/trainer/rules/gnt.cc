// Gauss-Newton targets (GNT): exact, per sample.
//
//   B batch, n_l width of layer l, L layers, eta target step size, lambda damping
//   a[l], h[l]  (n_l, B)     h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e           (n_L, B)     d loss / d h[L]; holds the 1/B of the mean
//   J[l]        (n_L, n_l)   d h[L] / d h[l] of one sample; J[L] = I
//   K[l]        (n_L, n_l)   d h[L] / d a[l] of one sample
//   T[l]        (n_l, B)     target of h[l];  D[l] = T[l] - h[l]
//   A^+ = A^T (A A^T + lambda I)^-1, for lambda = 0 the pseudo-inverse
//
// weight_update gradient, for every layer and sample:
//   D[l] = -eta J[l]^+ e,   T = h + D;   forward update: local losses, rules/local_update.h
//
// weight_update minimal_norm: the pre-activations have targets, a[l] - eta K[l]^+ e, and
// the weights change by the least (|dW|^2 + |db|^2 / rho) that takes those of one sample
// there with a step of 1; the mean over the batch is the gradient:
//   A[l] = eta K[l]^+ e,   T[l] = s_l(a[l] - A[l])
//   delta[l] = A[l] / B / (|h[l-1]|^2 + rho),   dW[l] = delta[l] h[l-1]^T,
//   db[l] = rho sum over B of delta[l];   without bias |h[l-1]|^2 in place of |h[l-1]|^2 + rho
//
// Source: [TF] "A theoretical framework for target propagation" (2020), section 3, and its
// authors' code, which has eta = 1; minimal_norm: the first version of that code.
#include "worker/trainer/elementwise.h"
#include "worker/trainer/jacobian.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Gnt final : public LearningRule<S> {
 public:
  explicit Gnt(const v1::GntRule& spec)
      : eta_(spec.target_stepsize()),
        damping_(spec.damping()),
        is_minimal_norm_(spec.weight_update() == v1::GNT_WEIGHT_UPDATE_MINIMAL_NORM),
        norm_ratio_(spec.norm_ratio()) {}

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    ComputeJacobians(network, pass, jacobians_);
    SetOutputTarget(eta_, pass);  // the shapes of all layers
    pass.delta.resize(pass.h.size());
    for (int l = 1; l <= network.num_layers(); ++l) {
      const auto at = static_cast<size_t>(l);
      const Matrix<S>& jacobian =
          is_minimal_norm_ ? jacobians_.preactivation[at] : jacobians_.activity[at];
      ComputeSteps(jacobian, pass.output_error, {damping_}, steps_);
      if (is_minimal_norm_) {
        UpdateByMinimalNorm(network, l, pass);
      } else {
        pass.displacement[at] = (-eta_ * steps_.step[0]).template cast<S>();
      }
    }
    if (!is_minimal_norm_) ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>&, const Pass<S>&, NoiseSource<S>&,
                             std::vector<double>& losses) override {
    losses.clear();
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return {}; }
  double target_stepsize() const override { return eta_; }

 private:
  void UpdateByMinimalNorm(Network<S>& network, int l, Pass<S>& pass) {
    const auto at = static_cast<size_t>(l);
    const bool has_bias = network.bias(l) != nullptr;
    Matrix<double>& change = steps_.step[0];
    change *= eta_;
    Matrix<S>& displacement = pass.displacement[at];
    displacement = pass.a[at] - change.cast<S>();
    Apply<S>(network.activation(l), displacement, displacement);
    Subtract<S>(displacement, pass.h[at], displacement);

    const auto batch = static_cast<double>(change.cols());
    for (Index b = 0; b < change.cols(); ++b) {
      const double norm = network.input(l, pass).col(b).template cast<double>().squaredNorm() +
                          (has_bias ? norm_ratio_ : 0);
      // An input of zero without bias: no weight moves the pre-activation.
      change.col(b) *= norm > 0 ? 1 / (batch * norm) : 0;
    }
    pass.delta[at] = change.cast<S>();
    network.SetLayerGradient(l, pass.delta[at], pass);
    if (has_bias) network.bias(l)->gradient *= static_cast<S>(norm_ratio_);
  }

  double eta_, damping_;
  bool is_minimal_norm_;
  double norm_ratio_;
  // Kept, so that steps do not allocate.
  Jacobians<S> jacobians_;
  SampleSteps steps_;
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeGnt(const v1::TrainingSpec& spec, const Network<S>&,
                                         uint64_t) {
  return std::make_unique<Gnt<S>>(spec.gnt());
}

template std::unique_ptr<LearningRule<float>> MakeGnt(const v1::TrainingSpec&,
                                                      const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeGnt(const v1::TrainingSpec&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
