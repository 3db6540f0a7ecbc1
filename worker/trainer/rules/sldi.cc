// Single-loop dynamic inversion (SLDI): one controller u at the output and one loop through
// the estimates r[l] of all hidden layers, by Euler steps from zero
// (rules/inversion_dynamics.h).
//
//   W[l]      (n_l, n_{l-1})   B (n_1, n_L) fixed feedback, g its run-time factor
//   alpha     leak of the controller
//   y         (n_L, batch)     what is inverted; delta[L] up to a constant
//   delta[l]  (n_l, batch)     in the place of d loss / d a[l]; delta[L] exact
//
//   dr[1]/dt = -r[1] + g B u,   dr[l]/dt = -r[l] + W[l] phi(r[l-1]),
//   du/dt = -alpha u + W[L] phi(r[L-1]) - y
// phi, error[l] = r[l] and delta[l] as in rules/di.cc, and so is y around zero.
// Steady state of the linear loop: r[1] = g B (g W[L]..W[2] B - alpha I)^-1 y,
// r[l] = W[l] r[l-1].
// Symbols and update as in rules/error_rule.h; alpha and g are those of
// rules/inversion_loops.h.
//
// Source: [DI] (Podlaski and Machens, 2020), supplement, and its authors' code.
#include "worker/trainer/gemm.h"
#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_dynamics.h"
#include "worker/trainer/rules/inversion_loops.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Sldi final : public ErrorRule<S> {
 public:
  Sldi(const v1::SldiRule& spec, const Network<S>& network, uint64_t seed)
      : ErrorRule<S>(spec.hidden_errors()),
        nonlinearity_(spec.nonlinearity()),
        loops_({spec.feedback(), spec.stabilise(), spec.alpha(),
                Euler{spec.dynamics().dt(), spec.dynamics().order()}, true},
               network, seed),
        dynamics_(spec.dynamics(), spec.nonlinearity(), /*controller_first=*/false) {}

  absl::Span<Parameter<S>> feedback_parameters() override { return loops_.parameters(); }
  bool multiplies_by_derivative() const override {
    return nonlinearity_ == v1::NONLINEARITY_TIMES_DERIVATIVE;
  }

  void AddMeasurements(const Network<S>& network, const Pass<S>& pass,
                       absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const override {
    const int last = network.num_layers();
    loops_.AddMeasurements(network, asks, measurement);
    if (asks(v1::QUANTITY_PBP_ANGLE)) AddPbpAngles(network, pass, measurement);
    if (asks(v1::QUANTITY_NDI_ANGLE)) AddSteadyStateAngles(network, pass, measurement);
    LayerValues residual(last), steps(last);
    if (asks(v1::QUANTITY_INVERSION_RESIDUAL)) {
      residual.Set(last, dynamics_.Residual(Links(network, pass).back(), y_));
    }
    if (asks(v1::QUANTITY_INVERSION_STEPS)) {
      steps.Set(last, static_cast<double>(dynamics_.num_steps()));
    }
    residual.AddTo("layer/inversion_residual", measurement);
    steps.AddTo("layer/inversion_steps", measurement);
  }

 private:
  using Link = typename InversionDynamics<S>::Link;

  static std::vector<Link> Links(const Network<S>& network, const Pass<S>& pass) {
    std::vector<Link> links;
    for (int l = 2; l <= network.num_layers(); ++l) {
      const auto below = static_cast<size_t>(l) - 1;
      links.push_back(
          {&network.weight(l).value, network.activation(l - 1), &pass.a[below], &pass.h[below]});
    }
    return links;
  }

  void Prepare(const Network<S>& network) override { this->Fail(loops_.Maintain(network)); }

  void BringDownAll(const Network<S>& network, Pass<S>& pass) override {
    const int last = network.num_layers();
    if (last < 2) return;
    const S scale = nonlinearity_ == v1::NONLINEARITY_AROUND_ZERO
                        ? -static_cast<S>(pass.delta.back().cols())
                        : S{1};
    y_ = scale * pass.delta.back();
    if (!dynamics_.Run(Links(network, pass), loops_.feedback(last), loops_.alpha(last),
                       loops_.factor(last), y_)) {
      return this->Fail(loops_.WhyDiverged(network, last));
    }
    for (int l = 1; l < last; ++l) {
      this->mutable_error(l) = dynamics_.estimate(l) / scale;
      this->SetDelta(l, network, pass);
    }
  }

  // The inverse of W[L]..W[2] as one matrix.
  void AddSteadyStateAngles(const Network<S>& network, const Pass<S>& pass,
                            v1::Measurement& measurement) const {
    const int last = network.num_layers();
    Matrix<S> product = network.weight(2).value;
    for (int l = 3; l <= last; ++l) product = network.weight(l).value * product;
    NondynamicInverse<S> inverse;
    inverse.Factor(product, loops_.feedback(last), loops_.alpha(last), loops_.factor(last));
    Matrix<S> error;
    inverse.Apply(pass.delta.back(), error);
    LayerValues angles(last);
    for (int l = 1; l < last; ++l) {
      if (l > 1) error = network.weight(l).value * error;
      angles.Set(l, ErrorAngle(network, pass, l, error));
    }
    angles.AddTo("layer/ndi_angle", measurement);
  }

  v1::Nonlinearity nonlinearity_;
  InversionLoops<S> loops_;
  InversionDynamics<S> dynamics_;
  Matrix<S> y_;
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeSldi(const v1::TrainingSpec& spec, const Network<S>& network,
                                          uint64_t seed) {
  return std::make_unique<Sldi<S>>(spec.sldi(), network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeSldi(const v1::TrainingSpec&,
                                                       const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeSldi(const v1::TrainingSpec&,
                                                        const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
