#include "worker/trainer/measure/norms.h"

#include <cmath>

#include "worker/trainer/elementwise.h"
#include "worker/trainer/measure/vectors.h"

namespace tpsweep::trainer {
namespace {

// Feedback weights are named Q... and B..., biases d...; what a random layer shared by all paths
// holds (R, r) belongs to no layer.
template <class S>
void AddFeedbackNorms(const Subject<S>& subject, v1::Measurement& measurement) {
  const auto count = static_cast<size_t>(subject.network.num_layers());
  std::vector<WeightAndBias> norms(count), gradient_norms(count);
  const auto add = [](double square, bool is_weight, WeightAndBias& norm) {
    double& value = is_weight ? norm.weight : norm.bias;
    value = std::hypot(std::isnan(value) ? 0 : value, std::sqrt(square));
  };
  for (const Parameter<S>& parameter : subject.feedback) {
    const bool is_weight = parameter.name[0] == 'Q' || parameter.name[0] == 'B';
    if (!is_weight && parameter.name[0] != 'd') continue;
    const auto at = static_cast<size_t>(parameter.layer) - 1;
    add(SumOfSquares<S>(parameter.value), is_weight, norms[at]);
    if (!parameter.is_fixed) {
      add(SumOfSquares<S>(parameter.gradient), is_weight, gradient_norms[at]);
    }
  }
  AddVectors("layer/feedback_weight_norm", "layer/feedback_bias_norm", norms, measurement);
  AddVectors("layer/feedback_weight_gradient_norm", "layer/feedback_bias_gradient_norm",
             gradient_norms, measurement);
}

}  // namespace

template <class S>
void AddNorms(const Subject<S>& subject, v1::Measurement& measurement) {
  std::vector<WeightAndBias> norms, gradient_norms;
  for (int l = 1; l <= subject.network.num_layers(); ++l) {
    const Parameter<S>& weight = subject.network.weight(l);
    const Parameter<S>* bias = subject.network.bias(l);
    norms.push_back({Norm<S>(weight.value), bias == nullptr ? kNone : Norm<S>(bias->value)});
    gradient_norms.push_back(
        {Norm<S>(weight.gradient), bias == nullptr ? kNone : Norm<S>(bias->gradient)});
  }
  AddVectors("layer/weight_norm", "layer/bias_norm", norms, measurement);
  AddVectors("layer/weight_gradient_norm", "layer/bias_gradient_norm", gradient_norms, measurement);

  const double root_of_batch = std::sqrt(static_cast<double>(subject.pass.h[0].cols()));
  std::vector<double> targets, displacements;
  for (size_t l = 1; l < subject.pass.displacement.size(); ++l) {
    targets.push_back(Norm<S>(subject.pass.target(l)) / root_of_batch);
    displacements.push_back(Norm<S>(subject.pass.displacement[l]) / root_of_batch);
  }
  AddVector("layer/target_norm", targets, measurement);
  AddVector("layer/displacement_norm", displacements, measurement);
  AddFeedbackNorms(subject, measurement);
}

template void AddNorms(const Subject<float>&, v1::Measurement&);
template void AddNorms(const Subject<double>&, v1::Measurement&);

}  // namespace tpsweep::trainer
