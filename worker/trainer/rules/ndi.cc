// Non-dynamic inversion (NDI): the steady state of the linear dynamics of di.
//
//   W[l]      (n_l, n_{l-1})   B[l] (n_{l-1}, n_l) fixed feedback, g its run-time factor
//   alpha     leak of the controller
//   delta[l]  (n_l, batch)     in the place of d loss / d a[l]; delta[L] exact
//
//   error[l-1] = g B (g W B - alpha I)^-1 delta[l]         where n_l <= n_{l-1}
//              = (g B W - alpha I)^-1 g B delta[l]         where n_l > n_{l-1}; the same
//   delta[l-1] = s'(a[l-1]) * error[l-1]
// Symbols and update as in rules/error_rule.h; the small matrix is factored once an update
// (rules/inverse_solve.h). alpha and g are those of rules/inversion_loops.h.
//
// Source: [DI] (Podlaski and Machens, 2020) and its authors' code.
#include <vector>

#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_loops.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Ndi final : public ErrorRule<S> {
 public:
  Ndi(const v1::NdiRule& spec, const Network<S>& network, uint64_t seed)
      : ErrorRule<S>(spec.hidden_errors()),
        loops_({spec.feedback(), spec.stabilise(), spec.alpha(), std::nullopt, false}, network,
               seed) {}

  absl::Span<Parameter<S>> feedback_parameters() override { return loops_.parameters(); }

  void AddMeasurements(const Network<S>& network, const Pass<S>& pass,
                       absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const override {
    loops_.AddMeasurements(network, asks, measurement);
    if (asks(v1::QUANTITY_PBP_ANGLE)) AddPbpAngles(network, pass, measurement);
    if (!asks(v1::QUANTITY_INVERSION_RESIDUAL)) return;
    LayerValues residuals(network.num_layers());
    for (int l = 2; l <= network.num_layers(); ++l) {
      const Matrix<S>& y = this->sent_delta(l, pass);
      const Matrix<S> back = network.weight(l).value * this->error(l - 1);
      residuals.Set(l, RelativeDistance(back, y));
    }
    residuals.AddTo("layer/inversion_residual", measurement);
  }

 private:
  void Prepare(const Network<S>& network) override { this->Fail(loops_.Maintain(network)); }

  void BringDown(int l, const Network<S>& network, const Pass<S>& pass,
                 Matrix<S>& error_below) override {
    inverses_.resize(pass.delta.size());
    NondynamicInverse<S>& inverse = inverses_[static_cast<size_t>(l)];
    inverse.Factor(network.weight(l).value, loops_.feedback(l), loops_.alpha(l), loops_.factor(l));
    inverse.Apply(pass.delta[static_cast<size_t>(l)], error_below);
  }

  InversionLoops<S> loops_;
  std::vector<NondynamicInverse<S>> inverses_;  // index l
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeNdi(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed) {
  return std::make_unique<Ndi<S>>(spec.ndi(), network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeNdi(const v1::TrainingSpec&,
                                                      const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeNdi(const v1::TrainingSpec&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
