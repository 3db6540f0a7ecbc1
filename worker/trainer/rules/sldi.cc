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
#include "absl/container/inlined_vector.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/loop_rule.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Sldi final : public LoopRule<S> {
 public:
  Sldi(const v1::SldiRule& spec, const Network<S>& network, uint64_t seed)
      : LoopRule<S>(spec, /*is_single=*/true, network, seed),
        dynamics_(spec.dynamics(), spec.nonlinearity(), /*controller_first=*/false) {}

  void AddMeasurements(const Network<S>& network, const Pass<S>& pass,
                       absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const override {
    const int last = network.num_layers();
    this->loops().AddMeasurements(network, asks, measurement);
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
  using typename LoopRule<S>::Link;

  // On the stack, so that steps do not allocate.
  absl::InlinedVector<Link, 8> Links(const Network<S>& network, const Pass<S>& pass) const {
    absl::InlinedVector<Link, 8> links;
    for (int l = 2; l <= network.num_layers(); ++l) {
      links.push_back(this->LinkOf(l, network, pass));
    }
    return links;
  }

  void BringDownAll(const Network<S>& network, Pass<S>& pass) override {
    const int last = network.num_layers();
    if (last < 2) return;
    const S scale = this->Scale(pass.delta.back().cols());
    y_ = scale * pass.delta.back();
    if (!dynamics_.Run(Links(network, pass), this->loops().feedback(last),
                       this->loops().alpha(last), this->loops().factor(last), y_)) {
      return this->Fail(this->loops().WhyDiverged(network, last));
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
    inverse.Factor(product, this->loops().feedback(last), this->loops().alpha(last),
                   this->loops().factor(last));
    Matrix<S> error;
    inverse.Apply(pass.delta.back(), error);
    LayerValues angles(last);
    for (int l = 1; l < last; ++l) {
      if (l > 1) error = network.weight(l).value * error;
      angles.Set(l, ErrorAngle(network, pass, l, error));
    }
    angles.AddTo("layer/ndi_angle", measurement);
  }

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
