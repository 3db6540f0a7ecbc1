// What tp, itp and gait share: targets that come down through the exact inverses of the
// layers. Layer 1 is never inverted and may have any shape.
//
//   B batch, L layers, n_l width of layer l, e = d loss / d h[L] (holds 1/B)
//   a[l], h[l]  (n_l, B)    a[l] = W[l] x + b[l], x the first n_l units of h[l-1],
//                           h[l] = s_l(a[l]), s_l linear or leaky relu
//   W[l]        (n_l, n_l)  square for l >= 2. Further units of layer l-1 are auxiliary.
//   D[l]        (n_l, B)    displacement T[l] - h[l], T[l] the target of h[l]
//   C[l]        (n_l, B)    the change of a[l] that is inverted: what the rules differ by
//   gamma_l                 how much smaller the rule makes D[l-1] than D[l] calls for
//
//   D[L] = -B e           for half_squares T[L] is the label target
//   D[l-1] = W[l]^-1 C[l] in the first n_l units; exactly 0 in auxiliary ones
//   delta[l] = -1/B s_l'(a[l]) * D[l] / (gamma_{l+1} ... gamma_L)
//   dW[l] = delta[l] x^T,   db[l] = sum over B of delta[l]
//
// The biases cancel: differences alone pass through the inverse, so that no error gives
// exactly no update. W[l] is factorised once an update, in all layers at once (threads).
#pragma once

#include <string>
#include <vector>

#include "worker/trainer/learning_rule.h"
#include "worker/trainer/square_inverse.h"

namespace tpsweep::trainer {

template <class S>
class ExactTargets : public LearningRule<S> {
 public:
  void ComputeUpdate(Network<S>& network, Pass<S>& pass) final;

  void ComputeFeedbackUpdate(const Network<S>&, const Pass<S>&, NoiseSource<S>&,
                             std::vector<double>& losses) final {
    losses.clear();
  }
  absl::Span<Parameter<S>> feedback_parameters() final { return {}; }
  double target_stepsize() const final { return 1; }
  // A layer that has no inverse.
  std::string why_infeasible() const final { return why_infeasible_; }

 protected:
  // `change` holds D[l] and becomes C[l]; returns gamma_l.
  virtual double CarryThroughActivation(const Network<S>& network, int l, const Pass<S>& pass,
                                        Matrix<S>& change) = 0;

  // `change` holds a displacement p of h[l] and becomes s^-1(h + p) - s^-1(h).
  void InvertActivation(const Activation& s, const Matrix<S>& h, Matrix<S>& change);

 private:
  // Whether all layers from 2 on have inverses; if not, why_infeasible_ says so.
  bool Factorise(const Network<S>& network);

  std::vector<SquareInverse<S>> inverses_;  // index l; 0 and 1 are not used
  std::string why_infeasible_;
  // Kept, so that steps do not allocate.
  Matrix<S> change_, preactivation_;
};

}  // namespace tpsweep::trainer
