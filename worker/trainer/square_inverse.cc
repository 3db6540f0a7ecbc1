#include "worker/trainer/square_inverse.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "common/random.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/work_count.h"

// LAPACK, as Fortran sees it; lengths of character arguments come last.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void sgetrf_(const int* m, const int* n, float* a, const int* lda, int* pivots, int* info);
void dgetrf_(const int* m, const int* n, double* a, const int* lda, int* pivots, int* info);
void sgetrs_(const char* transpose, const int* n, const int* num_columns, const float* a,
             const int* lda, const int* pivots, float* b, const int* ldb, int* info,
             size_t transpose_length);
void dgetrs_(const char* transpose, const int* n, const int* num_columns, const double* a,
             const int* lda, const int* pivots, double* b, const int* ldb, int* info,
             size_t transpose_length);
}
// NOLINTEND(readability-identifier-naming)

namespace tpsweep::trainer {
namespace {

template <class S>
struct Lapack;
template <>
struct Lapack<float> {
  static constexpr auto kFactorise = &sgetrf_;
  static constexpr auto kSolve = &sgetrs_;
};
template <>
struct Lapack<double> {
  static constexpr auto kFactorise = &dgetrf_;
  static constexpr auto kSolve = &dgetrs_;
};

// Columns that are solved together: enough to fill the kernels, and to share among threads.
constexpr Index kTileWidth = 64;

// x <- op(W)^-1 x, from the factors of W (n, n).
template <class S>
void SolveColumns(const char* transpose, const Matrix<S>& factors, const std::vector<int>& pivots,
                  int num_columns, S* x, Index stride) {
  const int n = static_cast<int>(factors.rows());
  const int ldx = static_cast<int>(stride);
  int info = 0;  // of arguments only
  Lapack<S>::kSolve(transpose, &n, &num_columns, factors.data(), &n, pivots.data(), x, &ldx, &info,
                    1);
}

// A lower bound of the 1-norm of W^-1, by the first step of Hager's method. Not finite if the
// factors are not.
//   y = W^-1 v for random signs v:  |y|_1 / n
//   z = W^-T sign(y), whose largest entry says which column of W^-1 may be the largest:
//   |W^-1 e_k|_1 >= |z_k|
// `x` is what it works in.
template <class S>
S EstimateNormOfInverse(const Matrix<S>& factors, const std::vector<int>& pivots, Matrix<S>& x) {
  const Index n = factors.rows();
  RandomStream random(0);
  x.resize(n, 1);
  for (Index i = 0; i < n; ++i) x(i) = random.NextUniform() < 0.5 ? S{-1} : S{1};
  SolveColumns("N", factors, pivots, 1, x.data(), n);
  const S mean = x.cwiseAbs().sum() / static_cast<S>(n);
  x = x.unaryExpr([](S y) { return y < 0 ? S{-1} : S{1}; });
  SolveColumns("T", factors, pivots, 1, x.data(), n);
  Index largest = 0;
  x.col(0).cwiseAbs().maxCoeff(&largest);
  x.setZero();
  x(std::clamp<Index>(largest, 0, n - 1)) = 1;
  SolveColumns("N", factors, pivots, 1, x.data(), n);
  const S column = x.cwiseAbs().sum();
  return std::isfinite(mean + column) ? std::max(mean, column) : std::numeric_limits<S>::infinity();
}

}  // namespace

template <class S>
void SquareInverse<S>::Factorise(const ConstMatrixRef<S>& w) {
  reciprocal_condition_ = 0;
  factors_ = w;
  const int n = static_cast<int>(w.rows());
  pivots_.resize(static_cast<size_t>(n));
  S norm = 0;
  for (Index j = 0; j < factors_.cols(); ++j) {
    const S of_column = factors_.col(j).cwiseAbs().sum();
    if (!std::isfinite(of_column)) return;
    norm = std::max(norm, of_column);
  }
  int info = 0;
  CountMultiplyAdds(w.size() * w.rows() / 3);
  Lapack<S>::kFactorise(&n, &n, factors_.data(), &n, pivots_.data(), &info);
  if (info != 0) return;  // it counts the pivots up to the first that is zero
  reciprocal_condition_ = 1 / static_cast<double>(norm) /
                          static_cast<double>(EstimateNormOfInverse(factors_, pivots_, x_));
}

template <class S>
bool SquareInverse<S>::is_singular() const {
  return reciprocal_condition_ < static_cast<double>(std::numeric_limits<S>::epsilon());
}

template <class S>
void SquareInverse<S>::Solve(MatrixRef<S> x) const {
  const Index num_tiles = (x.cols() + kTileWidth - 1) / kTileWidth;
  CountMultiplyAdds(factors_.size() * x.cols());
  ParallelFor(static_cast<size_t>(num_tiles), [&](size_t i) {
    const Index begin = static_cast<Index>(i) * kTileWidth;
    const Index count = std::min(kTileWidth, x.cols() - begin);
    SolveColumns("N", factors_, pivots_, static_cast<int>(count),
                 x.data() + begin * x.outerStride(), x.outerStride());
  });
}

template class SquareInverse<float>;
template class SquareInverse<double>;

}  // namespace tpsweep::trainer
