#include "worker/trainer/rules/inverse_solve.h"

#include "worker/trainer/gemm.h"

namespace tpsweep::trainer {
namespace {

// The normal equations square the condition number: their rounding error is about 1e-16
// over this.
constexpr double kLeastNormalCondition = 1e-5;

}  // namespace

template <class S>
void NondynamicInverse<S>::Factor(const Matrix<S>& w, const Matrix<S>& b, double alpha,
                                  double factor) {
  b_ = &b;
  factor_ = factor;
  is_wide_ = w.rows() <= w.cols();
  const Index n = is_wide_ ? w.rows() : w.cols();
  product_.resize(n, n);
  Gemm<S>(Transpose::kNo, is_wide_ ? w : b, Transpose::kNo, is_wide_ ? b : w,
          static_cast<S>(factor), 0, product_);
  a_ = product_.template cast<double>();
  a_.diagonal().array() -= alpha;
  inverse_.Factorise(a_);
}

template <class S>
void NondynamicInverse<S>::Solve() {
  if (inverse_.is_singular()) {
    small_ = LeastSquares(a_, small_);
  } else {
    inverse_.Solve(small_);
  }
}

template <class S>
void NondynamicInverse<S>::Apply(const Matrix<S>& y, Matrix<S>& r) {
  r.resize(b_->rows(), y.cols());
  if (is_wide_) {
    small_ = y.template cast<double>();
    Solve();
    work_ = small_.template cast<S>();
    Gemm<S>(Transpose::kNo, *b_, Transpose::kNo, work_, static_cast<S>(factor_), 0, r);
  } else {
    Gemm<S>(Transpose::kNo, *b_, Transpose::kNo, y, static_cast<S>(factor_), 0, r);
    small_ = r.template cast<double>();
    Solve();
    r = small_.template cast<S>();
  }
}

template <class S>
void PseudoInverse<S>::Factor(const Matrix<S>& w) {
  w_ = w.template cast<double>();
  const bool is_wide = w.rows() <= w.cols();
  const Index n = is_wide ? w.rows() : w.cols();
  gram_.resize(n, n);
  Gemm<double>(is_wide ? Transpose::kNo : Transpose::kYes, w_,
               is_wide ? Transpose::kYes : Transpose::kNo, w_, 1, 0, gram_);
  has_normal_equations_ = gram_factors_.Factor(gram_) > kLeastNormalCondition;
}

template <class S>
void PseudoInverse<S>::Apply(const Matrix<S>& y, Matrix<S>& r) {
  right_ = y.template cast<double>();
  if (!has_normal_equations_) {
    r = LeastSquares(w_, right_).template cast<S>();
    return;
  }
  const bool is_wide = w_.rows() <= w_.cols();
  if (is_wide) gram_factors_.Solve(right_);
  result_.resize(w_.cols(), y.cols());
  Gemm<double>(Transpose::kYes, w_, Transpose::kNo, right_, 1, 0, result_);
  if (!is_wide) gram_factors_.Solve(result_);
  r = result_.template cast<S>();
}

template class NondynamicInverse<float>;
template class NondynamicInverse<double>;
template class PseudoInverse<float>;
template class PseudoInverse<double>;

}  // namespace tpsweep::trainer
