#include "worker/trainer/rules/smoothed_abscissa.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "common/training/inversion_limits.h"
#include "worker/trainer/dense_solve.h"
#include "worker/trainer/rules/inversion_stability.h"

namespace tpsweep::trainer {
namespace {

using Complex = std::complex<double>;

// Y with T Y + Y T^* = -2I, T upper triangular: by columns, from the last on.
ComplexMatrix SolveUpper(const ComplexMatrix& t) {
  const Index n = t.rows();
  ComplexMatrix y(n, n);
  ComplexMatrix shifted = t;
  for (Index j = n - 1; j >= 0; --j) {
    Eigen::VectorXcd right = Eigen::VectorXcd::Zero(n);
    right(j) = -2;
    const Index after = n - 1 - j;
    if (after > 0) right -= y.rightCols(after) * t.row(j).tail(after).adjoint();
    shifted.diagonal() = t.diagonal().array() + std::conj(t(j, j));
    y.col(j) = shifted.triangularView<Eigen::Upper>().solve(right);
  }
  return y;
}

// Z with T^* Z + Z T = -2I: by columns, from the first on.
ComplexMatrix SolveLower(const ComplexMatrix& t) {
  const Index n = t.rows();
  ComplexMatrix z(n, n);
  ComplexMatrix shifted = t.adjoint();
  for (Index j = 0; j < n; ++j) {
    Eigen::VectorXcd right = Eigen::VectorXcd::Zero(n);
    right(j) = -2;
    if (j > 0) right -= z.leftCols(j) * t.col(j).head(j);
    shifted.diagonal() = t.diagonal().conjugate().array() + t(j, j);
    z.col(j) = shifted.triangularView<Eigen::Lower>().solve(right);
  }
  return z;
}

}  // namespace

Matrix<double> LoopMatrix(absl::Span<const Matrix<double>* const> chain,
                          const Matrix<double>& feedback, double alpha) {
  Index size = feedback.cols();
  for (const Matrix<double>* w : chain) size += w->cols();
  Matrix<double> m = -Matrix<double>::Identity(size, size);
  m.topRightCorner(feedback.rows(), feedback.cols()) = feedback;
  Index row = 0;
  for (const Matrix<double>* w : chain) {
    m.block(row + w->cols(), row, w->rows(), w->cols()) = *w;
    row += w->cols();
  }
  m.diagonal().tail(feedback.cols()).setConstant(-alpha);
  return m;
}

SsaStep SmoothedAbscissaStep(absl::Span<const Matrix<double>* const> chain,
                             const Matrix<double>& feedback, double alpha, double smoothing) {
  SsaStep step;
  ComplexMatrix t, u;
  if (!SchurDecomposition(LoopMatrix(chain, feedback, alpha), t, u)) {
    step.abscissa = std::numeric_limits<double>::infinity();
    return step;
  }
  step.abscissa = t.diagonal().real().maxCoeff();
  t.diagonal().array() -= Complex(step.abscissa + smoothing);
  // U turns the right-hand sides into themselves.
  const ComplexMatrix qp = SolveLower(t) * SolveUpper(t);
  const ComplexMatrix rows = u.topRows(feedback.rows()) * qp;
  const ComplexMatrix columns = u.bottomRows(feedback.cols());
  step.gradient = (rows * columns.adjoint()).real() / qp.trace().real();
  return step;
}

std::string Stabilise(const v1::Ssa& spec, absl::Span<const Matrix<double>* const> chain,
                      double alpha, Matrix<double>& feedback) {
  Index size = feedback.cols();
  for (const Matrix<double>* w : chain) size += w->cols();
  if (size > kMaxSsaUnits) {
    return absl::StrCat("ssa is for dynamics of at most ", kMaxSsaUnits, " units, and these have ",
                        size, "; use stabilise.kind: leak or rescale, or another feedback.kind");
  }
  double abscissa = 0;
  for (int attempt = 0; attempt < spec.max_attempts(); ++attempt) {
    for (int i = 0; i <= spec.max_steps(); ++i) {
      const SsaStep step = SmoothedAbscissaStep(chain, feedback, alpha, spec.smoothing());
      abscissa = step.abscissa;
      const bool is_last = i == spec.max_steps();
      if (abscissa <= kStableAbscissa || (is_last && abscissa < 0)) return "";
      if (!step.gradient.allFinite() || step.gradient.size() == 0) {
        return "ssa came to a matrix that is not finite; lower ssa.lr";
      }
      if (!is_last) feedback -= spec.lr() * step.gradient;
    }
  }
  return absl::StrCat(spec.max_attempts(), " attempts of ", spec.max_steps(),
                      " steps of ssa left the largest real part of an eigenvalue at ", abscissa,
                      ", which must be negative; change ssa.lr, raise ssa.max_steps or alpha, or "
                      "use stabilise.kind: leak");
}

}  // namespace tpsweep::trainer
