#include "worker/trainer/rules/exact_targets.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/rules/local_update.h"

namespace tpsweep::trainer {

template <class S>
void ExactTargets<S>::ComputeUpdate(Network<S>& network, Pass<S>& pass) {
  if (!Factorise(network)) return;
  const auto batch = static_cast<double>(pass.output_error.cols());
  SetOutputTarget(batch, pass);
  pass.delta.resize(pass.h.size());
  double gammas = 1;
  for (int l = network.num_layers(); l >= 1; --l) {
    const auto at = static_cast<size_t>(l);
    const Matrix<S>& displacement = pass.displacement[at];
    Matrix<S>& delta = pass.delta[at];
    delta.resize(displacement.rows(), displacement.cols());
    Scale<S>(static_cast<S>(-1 / (batch * gammas)), displacement, delta);
    MultiplyByDerivative<S>(network.activation(l), pass.a[at], pass.h[at], delta);
    network.SetLayerGradient(l, delta, pass);
    if (l == 1) break;

    change_ = displacement;
    gammas *= CarryThroughActivation(network, l, pass, change_);
    inverses_[at].Solve(change_);
    Matrix<S>& below = pass.displacement[at - 1];
    below.topRows(change_.rows()) = change_;
    below.bottomRows(below.rows() - change_.rows()).setZero();
  }
}

template <class S>
void ExactTargets<S>::InvertActivation(const Activation& s, const Matrix<S>& h, Matrix<S>& change) {
  const Activation inverse = InverseOf(s);
  Add<S>(h, change, change);
  Apply<S>(inverse, change, change);
  preactivation_.resize(h.rows(), h.cols());
  Apply<S>(inverse, h, preactivation_);
  Subtract<S>(change, preactivation_, change);
}

template <class S>
bool ExactTargets<S>::Factorise(const Network<S>& network) {
  const int last = network.num_layers();
  inverses_.resize(static_cast<size_t>(last) + 1);
  ParallelFor(static_cast<size_t>(last - 1), [&](size_t i) {
    inverses_[i + 2].Factorise(network.weight(static_cast<int>(i) + 2).value);
  });
  why_infeasible_.clear();
  for (int l = 2; l <= last; ++l) {
    const SquareInverse<S>& inverse = inverses_[static_cast<size_t>(l)];
    if (!inverse.is_singular()) continue;
    why_infeasible_ =
        absl::StrCat("layer ", l, ": W", l, " (", network.size(l), " x ", network.size(l),
                     ") is singular: the reciprocal of its condition number is ",
                     absl::StrFormat("%.2g", inverse.reciprocal_condition()),
                     "; the rule needs its inverse: lower forward.lr, or raise orthogonality");
    return false;
  }
  return true;
}

template class ExactTargets<float>;
template class ExactTargets<double>;

}  // namespace tpsweep::trainer
