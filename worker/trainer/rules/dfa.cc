// Direct feedback alignment (DFA): the output error reaches each hidden layer through
// a fixed random matrix.
//
//   B batch, n_l width of layer l, L layers, eta target step size
//   a[l], h[l]  (n_l, B)     h[l] = s_l(a[l]), a[l] = W[l] h[l-1] + b[l]
//   e           (n_L, B)     d loss / d h[L]; holds the 1/B of the mean
//   T[l]        (n_l, B)     target of h[l];  D[l] = T[l] - h[l]
//   Q[i]        (n_i, n_L)   from the output to hidden layer i = 1..L-1; never trained
//
//   D[L] = -eta e,   D[i] = Q[i] (s_L^{-1}(T[L]) - a[L]),   T = h + D
//   (linear output: D[i] = -eta Q[i] e)
// Forward update: local losses, rules/local_update.h; for a linear output and eta = 1
// this is 2/B times the update of Nøkland.
//
// Source: Nøkland, "Direct feedback alignment provides learning in deep neural networks"
// (2016), in the form of the code of [TF] "A theoretical framework for target
// propagation" (2020), where it is ddtp_linear with frozen feedback: so the last hidden
// layer has no forward bias here either, unless the spec says otherwise.
#include "worker/trainer/rules/direct_feedback.h"
#include "worker/trainer/rules/local_update.h"
#include "worker/trainer/rules/rules.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class Dfa final : public LearningRule<S> {
 public:
  Dfa(const v1::TrainingSpec& spec, const Network<S>& network, uint64_t seed)
      : eta_(spec.dfa().target_stepsize()),
        parameters_(MakeOutputMatrices(spec.network(), network, seed)) {
    for (Parameter<S>& q : parameters_) q.is_fixed = true;
  }

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) override {
    SetLinearTargets<S>(network, eta_, parameters_, pass, preactivation_step_);
    ComputeLocalGradients(network, pass);
  }

  void ComputeFeedbackUpdate(const Network<S>&, const Pass<S>&, NoiseSource<S>&,
                             std::vector<double>& losses) override {
    losses.clear();
  }

  absl::Span<Parameter<S>> feedback_parameters() override { return absl::MakeSpan(parameters_); }
  double target_stepsize() const override { return eta_; }

 private:
  double eta_;
  std::vector<Parameter<S>> parameters_;  // Q1, Q2, ...
  Matrix<S> preactivation_step_;          // (n_L, B); kept, so that steps do not allocate
};

}  // namespace

template <class S>
std::unique_ptr<LearningRule<S>> MakeDfa(const v1::TrainingSpec& spec, const Network<S>& network,
                                         uint64_t seed) {
  return std::make_unique<Dfa<S>>(spec, network, seed);
}

std::vector<int> DfaLayersWithoutBias(const v1::TrainingSpec& spec, int num_layers) {
  if (spec.dfa().last_hidden_bias() || num_layers < 2) return {};
  return {num_layers - 1};
}

template std::unique_ptr<LearningRule<float>> MakeDfa(const v1::TrainingSpec&,
                                                      const Network<float>&, uint64_t);
template std::unique_ptr<LearningRule<double>> MakeDfa(const v1::TrainingSpec&,
                                                       const Network<double>&, uint64_t);

}  // namespace tpsweep::trainer
