// Feedback alignment: errors go down through fixed random matrices.
//
//   B[l]      (n_{l-1}, n_l)   from layer l to layer l-1, l = 2..L; never trained
//   delta[l]  (n_l, batch)     in the place of d loss / d a[l]; delta[L] exact
//
//   error[l-1] = B[l] delta[l],   delta[l-1] = s'(a[l-1]) * error[l-1]
// Symbols and update as in rules/error_rule.h.
//
// Source: Lillicrap et al., "Random synaptic feedback weights support error backpropagation
// for deep learning" (2016); as a baseline in [DI] (Podlaski and Machens, 2020).
#include "worker/trainer/gemm.h"
#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/rules/feedback_matrix.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Fa final : public ErrorRule<S> {
 public:
  Fa(const v1::FaRule& spec, const Network<S>& network, uint64_t seed)
      : ErrorRule<S>(spec.hidden_errors()),
        matrices_(MakeFeedbackMatrices<S>(spec.feedback(), {}, network, seed).matrices) {}

  absl::Span<Parameter<S>> feedback_parameters() override { return absl::MakeSpan(matrices_); }

  void AddMeasurements(const Network<S>& network, const Pass<S>& pass,
                       absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const override {
    if (asks(v1::QUANTITY_FEEDBACK_ANGLE)) {
      LayerValues angles(network.num_layers());
      for (const Parameter<S>& b : matrices_) {
        angles.Set(b.layer, FeedbackAngle<S>({&network.weight(b.layer).value}, b.value));
      }
      angles.AddTo("layer/feedback_angle", measurement);
    }
    if (asks(v1::QUANTITY_PBP_ANGLE)) AddPbpAngles(network, pass, measurement);
  }

 private:
  void BringDown(int l, const Network<S>&, const Pass<S>& pass, Matrix<S>& error_below) override {
    const auto i = static_cast<size_t>(l);
    Gemm<S>(Transpose::kNo, matrices_[i - 2].value, Transpose::kNo, pass.delta[i], 1, 0,
            error_below);
  }

  std::vector<Parameter<S>> matrices_;  // B2, B3, ...
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeFa(const v1::TrainingSpec& spec, const Network<S>& network,
                                        uint64_t seed) {
  return std::make_unique<Fa<S>>(spec.fa(), network, seed);
}

template std::unique_ptr<LearningRule<float>> MakeFa(const v1::TrainingSpec&, const Network<float>&,
                                                     uint64_t);
template std::unique_ptr<LearningRule<double>> MakeFa(const v1::TrainingSpec&,
                                                      const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
