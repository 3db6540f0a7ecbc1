// Dynamic inversion (DI): the error of each layer is inverted by the dynamics of a controller
// u and an estimate r, by Euler steps from zero (rules/inversion_dynamics.h).
//
//   W[l]      (n_l, n_{l-1})   B[l] (n_{l-1}, n_l) fixed feedback, g its run-time factor
//   alpha     leak of the controller
//   y[l]      (n_l, batch)     what is inverted; delta[l] up to a constant
//   delta[l]  (n_l, batch)     in the place of d loss / d a[l]; delta[L] exact
//
//   du/dt = -alpha u + W[l] phi(r) - y[l],   dr/dt = -r + g B[l] u
//   nonlinearity       phi(r)            error[l-1]     delta[l-1]
//   times_derivative   r                 r              s'(a[l-1]) * error[l-1]
//   linearised         s'(a[l-1]) * r    r              error[l-1]
//   around_zero        s(r)              r              error[l-1]
// Around zero the size and the sign of y matter: there it is that of the paper, -batch
// delta[l], target minus output of each sample, and r is scaled back.
// Symbols and update as in rules/error_rule.h; alpha and g are those of
// rules/inversion_loops.h.
//
// Source: [DI] (Podlaski and Machens, 2020), section 2, and its authors' code.
#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_dynamics.h"
#include "worker/trainer/rules/inversion_loops.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Di final : public ErrorRule<S> {
 public:
  Di(const v1::DiRule& spec, const Network<S>& network, uint64_t seed)
      : ErrorRule<S>(spec.hidden_errors()),
        nonlinearity_(spec.nonlinearity()),
        loops_({spec.feedback(), spec.stabilise(), spec.alpha(),
                Euler{spec.dynamics().dt(), spec.dynamics().order()}, false},
               network, seed),
        dynamics_(static_cast<size_t>(network.num_layers()) + 1,
                  InversionDynamics<S>(spec.dynamics(), spec.nonlinearity(),
                                       /*controller_first=*/true)),
        y_(dynamics_.size()) {}

  absl::Span<Parameter<S>> feedback_parameters() override { return loops_.parameters(); }
  bool multiplies_by_derivative() const override {
    return nonlinearity_ == v1::NONLINEARITY_TIMES_DERIVATIVE;
  }

  void AddMeasurements(const Network<S>& network, const Pass<S>& pass,
                       absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const override {
    loops_.AddMeasurements(network, asks, measurement);
    if (asks(v1::QUANTITY_PBP_ANGLE)) AddPbpAngles(network, pass, measurement);
    LayerValues angles(network.num_layers()), residuals(network.num_layers()),
        steps(network.num_layers());
    for (int l = 2; l <= network.num_layers(); ++l) {
      const auto i = static_cast<size_t>(l);
      if (asks(v1::QUANTITY_NDI_ANGLE)) {
        NondynamicInverse<S> inverse;
        Matrix<S> error;
        inverse.Factor(network.weight(l).value, loops_.feedback(l), loops_.alpha(l),
                       loops_.factor(l));
        inverse.Apply(pass.delta[i], error);
        angles.Set(l - 1, ErrorAngle(network, pass, l - 1, error));
      }
      if (asks(v1::QUANTITY_INVERSION_RESIDUAL)) {
        residuals.Set(l, dynamics_[i].Residual(LinkOf(l, network, pass), y_[i]));
      }
      if (asks(v1::QUANTITY_INVERSION_STEPS)) {
        steps.Set(l, static_cast<double>(dynamics_[i].num_steps()));
      }
    }
    angles.AddTo("layer/ndi_angle", measurement);
    residuals.AddTo("layer/inversion_residual", measurement);
    steps.AddTo("layer/inversion_steps", measurement);
  }

 private:
  using Link = typename InversionDynamics<S>::Link;

  static Link LinkOf(int l, const Network<S>& network, const Pass<S>& pass) {
    const auto below = static_cast<size_t>(l) - 1;
    return {&network.weight(l).value, network.activation(l - 1), &pass.a[below], &pass.h[below]};
  }

  void Prepare(const Network<S>& network) override { this->Fail(loops_.Maintain(network)); }

  void BringDown(int l, const Network<S>& network, const Pass<S>& pass,
                 Matrix<S>& error_below) override {
    const auto i = static_cast<size_t>(l);
    const S scale = nonlinearity_ == v1::NONLINEARITY_AROUND_ZERO
                        ? -static_cast<S>(pass.delta[i].cols())
                        : S{1};
    y_[i] = scale * pass.delta[i];
    if (!dynamics_[i].Run({LinkOf(l, network, pass)}, loops_.feedback(l), loops_.alpha(l),
                          loops_.factor(l), y_[i])) {
      return this->Fail(loops_.WhyDiverged(network, l));
    }
    error_below = dynamics_[i].estimate(1) / scale;
  }

  v1::Nonlinearity nonlinearity_;
  InversionLoops<S> loops_;
  std::vector<InversionDynamics<S>> dynamics_;  // of layer l, at l
  std::vector<Matrix<S>> y_;
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDi(const v1::TrainingSpec& spec, const Network<S>& network,
                                        uint64_t seed) {
  return std::make_unique<Di<S>>(spec.di(), network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeDi(const v1::TrainingSpec&, const Network<float>&,
                                                     uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDi(const v1::TrainingSpec&,
                                                      const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
