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
// Around zero y is -batch delta[l], and r is scaled back (rules/loop_rule.h). Symbols and update as
// in rules/error_rule.h; alpha and g are those of rules/inversion_loops.h.
//
// Source: [DI] (Podlaski and Machens, 2020), section 2, and its authors' code.
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/loop_rule.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Di final : public LoopRule<S> {
 public:
  Di(const v1::DiRule& spec, const Network<S>& network, uint64_t seed)
      : LoopRule<S>(spec, /*is_single=*/false, network, seed),
        dynamics_(static_cast<size_t>(network.num_layers()) + 1,
                  InversionDynamics<S>(spec.dynamics(), spec.nonlinearity(),
                                       /*controller_first=*/true)),
        y_(dynamics_.size()) {}

  void AddMeasurements(const Network<S>& network, const Pass<S>& pass,
                       absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const override {
    this->loops().AddMeasurements(network, asks, measurement);
    if (asks(v1::QUANTITY_PBP_ANGLE)) AddPbpAngles(network, pass, measurement);
    LayerValues angles(network.num_layers()), residuals(network.num_layers()),
        steps(network.num_layers());
    for (int l = 2; l <= network.num_layers(); ++l) {
      const auto i = static_cast<size_t>(l);
      if (asks(v1::QUANTITY_NDI_ANGLE)) {
        NondynamicInverse<S> inverse;
        Matrix<S> error;
        inverse.Factor(network.weight(l).value, this->loops().feedback(l), this->loops().alpha(l),
                       this->loops().factor(l));
        inverse.Apply(pass.delta[i], error);
        angles.Set(l - 1, ErrorAngle(network, pass, l - 1, error));
      }
      if (asks(v1::QUANTITY_INVERSION_RESIDUAL)) {
        residuals.Set(l, dynamics_[i].Residual(this->LinkOf(l, network, pass), y_[i]));
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
  void BringDown(int l, const Network<S>& network, const Pass<S>& pass,
                 Matrix<S>& error_below) override {
    const auto i = static_cast<size_t>(l);
    const S scale = this->Scale(pass.delta[i].cols());
    y_[i] = scale * pass.delta[i];
    if (!dynamics_[i].Run({this->LinkOf(l, network, pass)}, this->loops().feedback(l),
                          this->loops().alpha(l), this->loops().factor(l), y_[i])) {
      return this->Fail(this->loops().WhyDiverged(network, l));
    }
    error_below = dynamics_[i].estimate(1) / scale;
  }

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
