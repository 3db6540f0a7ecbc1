// Rules without targets: they bring errors down and differ in how. bp, fa, pbp, ndi, di, sldi.
//
//   B batch, n_l width of layer l, L layers
//   e         (n_L, B)   d loss / d h[L]; holds the 1/B of the mean
//   error[l]  (n_l, B)   what the rule has in the place of d loss / d h[l], l = 1..L-1
//   delta[l]  (n_l, B)   what it has in the place of d loss / d a[l]
//
//   delta[L] = s_L'(a[L]) * e,   error[l-1] = the rule's own of delta[l],
//   delta[l] = s_l'(a[l]) * error[l]
//   dW[l] = delta[l] h[l-1]^T,   db[l] = sum over the batch of delta[l]
// In these, and in pass.delta, the hidden deltas may be scaled (hidden_errors.h).
// [DI] writes delta for minus B times these: target minus output, of each sample.
#pragma once

#include <string>
#include <vector>

#include "worker/trainer/learning_rule.h"
#include "worker/trainer/rules/hidden_errors.h"

namespace tpsweep::trainer {

template <class S>
class ErrorRule : public LearningRule<S> {
 public:
  explicit ErrorRule(const v1::HiddenErrors& hidden_errors) : hidden_errors_(hidden_errors) {}

  void ComputeUpdate(Network<S>& network, Pass<S>& pass) final;

  void ComputeFeedbackUpdate(const Network<S>&, const Pass<S>&, NoiseSource<S>&,
                             std::vector<double>& losses) final {
    losses.clear();
  }
  absl::Span<Parameter<S>> feedback_parameters() override { return {}; }
  double target_stepsize() const final { return 1; }
  std::string why_infeasible() const final { return why_infeasible_; }

  // Of the last ComputeUpdate, for the hidden layers l.
  const Matrix<S>& error(int l) const { return error_[static_cast<size_t>(l)]; }
  // delta[l] as the layer below got it: not scaled.
  const Matrix<S>& sent_delta(int l, const Pass<S>& pass) const {
    const auto i = static_cast<size_t>(l);
    return hidden_errors_.scales() ? sent_delta_[i] : pass.delta[i];
  }
  // Whether delta[l] takes the derivative from outside: not where error[l] is one of a[l].
  virtual bool multiplies_by_derivative() const { return true; }

 protected:
  // Fills error[l] and, by SetDelta, pass.delta[l] of the hidden layers, which have their
  // shapes. After Fail, nothing more needs to be done. Layer by layer, by BringDown, unless
  // a rule knows another way.
  virtual void BringDownAll(const Network<S>& network, Pass<S>& pass);
  // error[l-1] from pass.delta[l].
  virtual void BringDown(int /*l*/, const Network<S>& /*network*/, const Pass<S>& /*pass*/,
                         Matrix<S>& /*error_below*/) {}
  // Once before the errors of a mini-batch: what is factored once an update.
  virtual void Prepare(const Network<S>& /*network*/) {}

  void SetDelta(int l, const Network<S>& network, Pass<S>& pass);
  Matrix<S>& mutable_error(int l) { return error_[static_cast<size_t>(l)]; }
  // The run cannot go on.
  void Fail(std::string why) { why_infeasible_ = std::move(why); }

 private:
  HiddenErrors hidden_errors_;
  // Kept, so that steps do not allocate.
  std::vector<Matrix<S>> error_;
  std::vector<Matrix<S>> sent_delta_;  // where they are scaled
  std::string why_infeasible_;
};

}  // namespace tpsweep::trainer
