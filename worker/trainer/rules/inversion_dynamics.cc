#include "worker/trainer/rules/inversion_dynamics.h"

#include <cmath>

#include "worker/trainer/elementwise.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/rules/inversion_measurements.h"

namespace tpsweep::trainer {
namespace {

// Steps between two looks at whether the state still has a reasonable size.
constexpr int64_t kLookEvery = 64;

}  // namespace

template <class S>
bool InversionDynamics<S>::Run(absl::Span<const Link> chain, const Matrix<S>& feedback,
                               double alpha, double factor, const Matrix<S>& y) {
  const Index batch = y.cols();
  r_.resize(chain.size());
  phi_.resize(chain.size());
  r_before_.resize(chain.size());
  for (size_t k = 0; k < chain.size(); ++k) r_[k].setZero(chain[k].w->cols(), batch);
  u_.setZero(y.rows(), batch);
  drive_ = static_cast<S>(spec_.dt()) * y;
  const double largest = kMostGrowth * std::sqrt(SumOfSquares<S>(y));
  for (num_steps_ = 1;; ++num_steps_) {
    if (spec_.tolerance() > 0) {
      for (size_t k = 0; k < chain.size(); ++k) r_before_[k] = r_[k];
      u_before_ = u_;
    }
    Step(chain, feedback, alpha, factor);
    const bool is_last = num_steps_ >= spec_.steps();
    // Not: larger. A norm that is not a number has diverged too.
    if ((is_last || num_steps_ % kLookEvery == 0) && !(StateNorm() <= largest)) return false;
    if (is_last || (spec_.tolerance() > 0 && HasConverged())) return true;
  }
}

template <class S>
void InversionDynamics<S>::Step(absl::Span<const Link> chain, const Matrix<S>& feedback,
                                double alpha, double factor) {
  if (spec_.order() != v1::EULER_ORDER_IN_TURN) {
    // From the top down, each overwrites what nobody reads any more; only u is read to the end.
    next_u_ = u_;
    StepController(chain, alpha);
    u_.swap(next_u_);
    for (size_t k = chain.size() - 1; k >= 1; --k) StepEstimate(chain, k);
    StepLowest(feedback, factor);
    u_.swap(next_u_);
    return;
  }
  if (controller_first_) StepController(chain, alpha);
  StepLowest(feedback, factor);
  for (size_t k = 1; k < chain.size(); ++k) StepEstimate(chain, k);
  if (!controller_first_) StepController(chain, alpha);
}

template <class S>
void InversionDynamics<S>::StepController(absl::Span<const Link> chain, double alpha) {
  const double dt = spec_.dt();
  u_ = static_cast<S>(1 - dt * alpha) * u_ - drive_;
  Gemm<S>(Transpose::kNo, *chain.back().w, Transpose::kNo,
          Phi(chain.back(), r_.back(), phi_.back()), static_cast<S>(dt), 1, u_);
}

template <class S>
void InversionDynamics<S>::StepLowest(const Matrix<S>& feedback, double factor) {
  const double dt = spec_.dt();
  Gemm<S>(Transpose::kNo, feedback, Transpose::kNo, u_, static_cast<S>(dt * factor),
          static_cast<S>(1 - dt), r_[0]);
}

template <class S>
void InversionDynamics<S>::StepEstimate(absl::Span<const Link> chain, size_t k) {
  const double dt = spec_.dt();
  Gemm<S>(Transpose::kNo, *chain[k - 1].w, Transpose::kNo,
          Phi(chain[k - 1], r_[k - 1], phi_[k - 1]), static_cast<S>(dt), static_cast<S>(1 - dt),
          r_[k]);
}

template <class S>
const Matrix<S>& InversionDynamics<S>::Phi(const Link& link, const Matrix<S>& r,
                                           Matrix<S>& scratch) const {
  if (link.activation.kind == v1::ACTIVATION_LINEAR) return r;
  switch (nonlinearity_) {
    case v1::NONLINEARITY_AROUND_ZERO:
      scratch.resize(r.rows(), r.cols());
      Apply<S>(link.activation, r, scratch);
      return scratch;
    case v1::NONLINEARITY_LINEARISED:
      scratch = r;
      MultiplyByDerivative<S>(link.activation, *link.a, *link.h, scratch);
      return scratch;
    default:
      return r;
  }
}

template <class S>
double InversionDynamics<S>::StateNorm() const {
  double square = SumOfSquares<S>(u_);
  for (const Matrix<S>& r : r_) square += SumOfSquares<S>(r);
  return std::sqrt(square);
}

template <class S>
bool InversionDynamics<S>::HasConverged() const {
  const double bound = spec_.tolerance() * spec_.tolerance();
  for (Index b = 0; b < u_.cols(); ++b) {
    double moved = 0, norm = 0;
    const auto add = [&, b](const Matrix<S>& now, const Matrix<S>& before) {
      moved += (now.col(b) - before.col(b)).template cast<double>().squaredNorm();
      norm += now.col(b).template cast<double>().squaredNorm();
    };
    add(u_, u_before_);
    for (size_t k = 0; k < r_.size(); ++k) add(r_[k], r_before_[k]);
    if (!(moved <= bound * norm)) return false;
  }
  return true;
}

template <class S>
double InversionDynamics<S>::Residual(const Link& last, const Matrix<S>& y) const {
  Matrix<S> scratch, output(y.rows(), y.cols());
  Gemm<S>(Transpose::kNo, *last.w, Transpose::kNo, Phi(last, r_.back(), scratch), 1, 0, output);
  return RelativeDistance(output, y);
}

template class InversionDynamics<float>;
template class InversionDynamics<double>;

}  // namespace tpsweep::trainer
