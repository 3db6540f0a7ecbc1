#include "worker/trainer/square_inverse.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/types/span.h"
#include "common/random.h"
#include "worker/trainer/gemm.h"
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

// Columns of W that LAPACK eliminates, and of the triangles on the diagonal that are inverted: all
// between them, nearly all of the work, is our own product.
constexpr Index kBlock = 16;

// About half of n, in whole blocks.
Index HalfOf(Index n) { return (n / 2 + kBlock - 1) / kBlock * kBlock; }

// The inverse of a triangle T (n, n): lower with ones on its diagonal, or upper. What else is in T
// does not matter.
template <class S>
void InvertTriangle(CBLAS_UPLO which, const ConstMatrixRef<S>& t, MatrixRef<S> inverse) {
  const CBLAS_DIAG diagonal = which == CblasLower ? CblasUnit : CblasNonUnit;
  const auto solve = [&](auto trsm) {
    const int n = static_cast<int>(t.rows());
    trsm(CblasColMajor, CblasLeft, which, CblasNoTrans, diagonal, n, n, S{1}, t.data(),
         static_cast<int>(t.outerStride()), inverse.data(),
         static_cast<int>(inverse.outerStride()));
  };
  inverse.setIdentity();
  if constexpr (std::is_same_v<S, float>) {
    solve(cblas_strsm);
  } else {
    solve(cblas_dtrsm);
  }
}

// x <- T^-1 x, for a triangle T as above, with the inverses of the blocks on its diagonal side by
// side, (kBlock, n).
template <class S>
void SolveTriangle(CBLAS_UPLO which, const ConstMatrixRef<S>& t, const ConstMatrixRef<S>& inverses,
                   MatrixRef<S> x) {
  const Index n = t.rows();
  if (n > kBlock) {
    const Index top = HalfOf(n);
    const Index bottom = n - top;
    const auto solve_top = [&] {
      SolveTriangle<S>(which, t.topLeftCorner(top, top), inverses.leftCols(top), x.topRows(top));
    };
    const auto solve_bottom = [&] {
      SolveTriangle<S>(which, t.bottomRightCorner(bottom, bottom), inverses.rightCols(bottom),
                       x.bottomRows(bottom));
    };
    if (which == CblasLower) {
      solve_top();
      Gemm<S>(Transpose::kNo, t.bottomLeftCorner(bottom, top), Transpose::kNo, x.topRows(top), -1,
              1, x.bottomRows(bottom));
      solve_bottom();
    } else {
      solve_bottom();
      Gemm<S>(Transpose::kNo, t.topRightCorner(top, bottom), Transpose::kNo, x.bottomRows(bottom),
              -1, 1, x.topRows(top));
      solve_top();
    }
    return;
  }
  // Tiles of columns, so that what they were before fits on the stack.
  constexpr Index kTile = 64;
  ParallelFor(static_cast<size_t>((x.cols() + kTile - 1) / kTile), [&](size_t tile) {
    const Index begin = static_cast<Index>(tile) * kTile;
    MatrixRef<S> columns = x.middleCols(begin, std::min(kTile, x.cols() - begin));
    Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, kBlock, kTile> before =
        columns;
    Gemm<S>(Transpose::kNo, inverses.topLeftCorner(n, n), Transpose::kNo, before, 1, 0, columns);
  });
}

// Row i of x changes places with row pivots[i] - 1, for one i after another.
template <class S>
void SwapRows(absl::Span<const int> pivots, MatrixRef<S> x) {
  for (Index j = 0; j < x.cols(); ++j) {
    S* column = x.data() + j * x.outerStride();
    for (size_t i = 0; i < pivots.size(); ++i) std::swap(column[i], column[pivots[i] - 1]);
  }
}

// W = P L U in place, for some columns of a matrix and the rows from the first pivot on: the left
// half, what it takes off the right one, the right half. Gives the inverses of the blocks on the
// diagonal of L, (kBlock, columns). False: a pivot is zero.
template <class S>
bool FactoriseColumns(MatrixRef<S> w, absl::Span<int> pivots, MatrixRef<S> inverses) {
  const Index columns = w.cols();
  if (columns <= kBlock) {
    const int rows = static_cast<int>(w.rows());
    const int width = static_cast<int>(columns);
    const int stride = static_cast<int>(w.outerStride());
    int info = 0;
    Lapack<S>::kFactorise(&rows, &width, w.data(), &stride, pivots.data(), &info);
    if (info != 0) return false;
    InvertTriangle<S>(CblasLower, w.topRows(columns), inverses.topRows(columns));
    return true;
  }
  const Index width = HalfOf(columns);
  const Index below = w.rows() - width;
  const absl::Span<int> left_pivots = pivots.first(static_cast<size_t>(width));
  const absl::Span<int> right_pivots = pivots.subspan(static_cast<size_t>(width));
  MatrixRef<S> left = w.leftCols(width);
  MatrixRef<S> right = w.rightCols(columns - width);
  if (!FactoriseColumns<S>(left, left_pivots, inverses.leftCols(width))) return false;
  SwapRows<S>(left_pivots, right);
  SolveTriangle<S>(CblasLower, left.topRows(width), inverses.leftCols(width), right.topRows(width));
  Gemm<S>(Transpose::kNo, left.bottomRows(below), Transpose::kNo, right.topRows(width), -1, 1,
          right.bottomRows(below));
  if (!FactoriseColumns<S>(right.bottomRows(below), right_pivots,
                           inverses.rightCols(columns - width))) {
    return false;
  }
  SwapRows<S>(right_pivots, left.bottomRows(below));
  for (int& pivot : right_pivots) pivot += static_cast<int>(width);
  return true;
}

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
  factors_.resize(w.rows(), w.cols());
  pivots_.resize(static_cast<size_t>(w.rows()));
  S norm = 0;
  for (Index j = 0; j < w.cols(); ++j) {
    factors_.col(j) = w.col(j);
    const S of_column = factors_.col(j).template lpNorm<1>();
    if (!std::isfinite(of_column)) return;
    norm = std::max(norm, of_column);
  }
  const int64_t counted = MultiplyAddsOfThread();
  lower_inverses_.resize(kBlock, w.cols());
  upper_inverses_.resize(kBlock, w.cols());
  const bool has_factors = FactoriseColumns<S>(factors_, absl::MakeSpan(pivots_), lower_inverses_);
  for (Index begin = 0; has_factors && begin < w.cols(); begin += kBlock) {
    const Index count = std::min(kBlock, w.cols() - begin);
    InvertTriangle<S>(CblasUpper, factors_.block(begin, begin, count, count),
                      upper_inverses_.block(0, begin, count, count));
  }
  CountMultiplyAdds(w.size() * w.rows() / 3 - (MultiplyAddsOfThread() - counted));
  if (!has_factors) return;
  reciprocal_condition_ = 1 / static_cast<double>(norm) /
                          static_cast<double>(EstimateNormOfInverse(factors_, pivots_, x_));
}

template <class S>
bool SquareInverse<S>::is_singular() const {
  return reciprocal_condition_ < static_cast<double>(std::numeric_limits<S>::epsilon());
}

template <class S>
void SquareInverse<S>::Solve(MatrixRef<S> x) const {
  const int64_t counted = MultiplyAddsOfThread();
  SwapRows<S>(pivots_, x);
  SolveTriangle<S>(CblasLower, factors_, lower_inverses_, x);
  SolveTriangle<S>(CblasUpper, factors_, upper_inverses_, x);
  CountMultiplyAdds(factors_.size() * x.cols() - (MultiplyAddsOfThread() - counted));
}

template class SquareInverse<float>;
template class SquareInverse<double>;

}  // namespace tpsweep::trainer
