#include "worker/trainer/measure/measurer.h"

#include "absl/algorithm/container.h"
#include "worker/trainer/measure/activation_angles.h"
#include "worker/trainer/measure/joint_jacobian.h"
#include "worker/trainer/measure/matrices.h"
#include "worker/trainer/measure/norms.h"
#include "worker/trainer/measure/update_angles.h"
#include "worker/trainer/measure/vectors.h"
#include "worker/trainer/rules/bp.h"

namespace tpsweep::trainer {
namespace {

constexpr v1::Quantity kFromJacobians[] = {v1::QUANTITY_GNT_ANGLE, v1::QUANTITY_GN_ANGLE,
                                           v1::QUANTITY_ACTIVATION_GN_ANGLE, v1::QUANTITY_NULLSPACE,
                                           v1::QUANTITY_CONDITION_NUMBER};

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

template <class S>
Measurer<S>::Measurer(const v1::Measure& spec, int num_layers)
    : spec_(spec), damping_(static_cast<size_t>(num_layers), 0.0) {
  for (size_t i = 0; i < damping_.size(); ++i) {
    if (spec.damping_size() == 1) damping_[i] = spec.damping(0);
    // A list has none for the output layer, whose Jacobian in itself is the identity.
    if (static_cast<int>(i) < spec.damping_size()) damping_[i] = spec.damping(static_cast<int>(i));
  }
}

template <class S>
bool Measurer<S>::Asks(v1::Quantity quantity) const {
  return spec_.every() > 0 && absl::c_linear_search(spec_.quantities(), quantity);
}

template <class S>
bool Measurer<S>::Reports() const {
  return spec_.every() > 0 && absl::c_any_of(spec_.quantities(), [](int quantity) {
           return quantity != v1::QUANTITY_DAMPING_SEARCH;
         });
}

template <class S>
int64_t Measurer<S>::NumReportsBefore(int64_t step) const {
  return Reports() ? (step + spec_.every() - 1) / spec_.every() : 0;
}

template <class S>
void Measurer<S>::Measure(const Subject<S>& subject, DampingSearch* search,
                          v1::Measurement& measurement) {
  if (Asks(v1::QUANTITY_BP_ANGLE) || Asks(v1::QUANTITY_ACTIVATION_BP_ANGLE)) {
    AddBackpropagation(subject, measurement);
  }
  const bool needs_jacobians =
      search != nullptr ||
      absl::c_any_of(kFromJacobians, [&](auto quantity) { return Asks(quantity); });
  if (needs_jacobians) {
    ComputeJacobians(subject.network, subject.pass, jacobians_);
    AddGaussNewton(subject, search, measurement);
  }
  if (Asks(v1::QUANTITY_NORMS)) AddNorms(subject, measurement);
  if (Asks(v1::QUANTITY_WEIGHT_CONDITION_NUMBER)) AddWeightConditions(subject, measurement);
  if (Asks(v1::QUANTITY_ORTHOGONALITY)) AddOrthogonality(subject, measurement);
  if (Asks(v1::QUANTITY_INVERSE_ERROR)) AddInverseErrors(subject, measurement);
  if (Asks(v1::QUANTITY_RECONSTRUCTION_LOSS)) {
    std::vector<double> losses(damping_.size(), kNone);
    absl::c_copy(subject.feedback_losses, losses.begin());
    AddVector("layer/reconstruction_loss", losses, measurement);
  }
}

template <class S>
void Measurer<S>::AddBackpropagation(const Subject<S>& subject, v1::Measurement& measurement) {
  Backpropagate(subject.network, subject.pass, activity_gradient_, delta_);
  std::vector<WeightAndBias> angles;
  std::vector<double> activation_angles;
  for (int l = 1; l <= subject.network.num_layers(); ++l) {
    const auto at = static_cast<size_t>(l);
    if (Asks(v1::QUANTITY_BP_ANGLE)) angles.push_back(UpdateAngle(subject, l, delta_[at]));
    if (Asks(v1::QUANTITY_ACTIVATION_BP_ANGLE)) {
      activation_angles.push_back(ActivationAngle(subject, l, activity_gradient_[at]));
    }
  }
  AddVectors("layer/bp_angle_weight", "layer/bp_angle_bias", angles, measurement);
  AddVector("layer/activation_bp_angle", activation_angles, measurement);
}

template <class S>
void Measurer<S>::AddGaussNewton(const Subject<S>& subject, DampingSearch* search,
                                 v1::Measurement& measurement) {
  const size_t count = damping_.size();
  std::vector<WeightAndBias> gnt(count), gn(count);
  std::vector<double> activation(count, kNone), null_space(count, kNone), condition(count, kNone);
  for (int l = 1; l <= subject.network.num_layers(); ++l) {
    const auto at = static_cast<size_t>(l) - 1;
    const bool is_hidden = l < subject.network.num_layers();
    // The damping of the measurements, then the grid of the search.
    std::vector<double> dampings = {damping_[at]};
    if (search != nullptr) {
      dampings.insert(dampings.end(), std::begin(DampingSearch::kDampings),
                      std::end(DampingSearch::kDampings));
    }
    ComputeSteps(jacobians_.activity[at + 1], subject.pass.output_error, dampings, steps_);
    if (is_hidden && Asks(v1::QUANTITY_GNT_ANGLE)) {
      gnt[at] = TargetUpdateAngle(subject, l, steps_.step[0]);
    }
    if (is_hidden && Asks(v1::QUANTITY_CONDITION_NUMBER)) condition[at] = Mean(steps_.condition);
    if (Asks(v1::QUANTITY_ACTIVATION_GN_ANGLE)) {
      activation[at] = ActivationAngle(subject, l, steps_.step[0]);
    }
    for (size_t i = 0; is_hidden && search != nullptr && i < DampingSearch::kNumDampings; ++i) {
      search->Add(l, i, TargetUpdateAngle(subject, l, steps_.step[i + 1]).weight);
    }
    const Matrix<S>& preactivation = jacobians_.preactivation[at + 1];
    if (Asks(v1::QUANTITY_GN_ANGLE)) {
      gn[at] = GaussNewtonAngle(subject, l, preactivation, damping_[at]);
    }
    if (Asks(v1::QUANTITY_NULLSPACE)) null_space[at] = NullspaceRatio(subject, l, preactivation);
  }
  AddVectors("layer/gnt_angle_weight", "layer/gnt_angle_bias", gnt, measurement);
  AddVectors("layer/gn_angle_weight", "layer/gn_angle_bias", gn, measurement);
  AddVector("layer/activation_gn_angle", activation, measurement);
  AddVector("layer/nullspace_ratio", null_space, measurement);
  AddVector("layer/condition_number", condition, measurement);
}

template class Measurer<float>;
template class Measurer<double>;

}  // namespace tpsweep::trainer
