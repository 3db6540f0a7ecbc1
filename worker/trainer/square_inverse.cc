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

// Columns of W that are eliminated together, and of x that are solved together.
constexpr Index kBlock = 64;

// x <- T^-1 x, for a triangle T (n, n), n at most kBlock: lower with ones on its diagonal, or
// upper. Tiles of columns, so that the bits do not depend on the number of threads.
template <class S>
void SolveTriangle(CBLAS_UPLO which, const ConstMatrixRef<S>& t, MatrixRef<S> x) {
  const CBLAS_DIAG diagonal = which == CblasLower ? CblasUnit : CblasNonUnit;
  const auto solve = [&](auto trsm, Index begin, Index count) {
    trsm(CblasColMajor, CblasLeft, which, CblasNoTrans, diagonal, static_cast<int>(t.rows()),
         static_cast<int>(count), S{1}, t.data(), static_cast<int>(t.outerStride()),
         x.data() + begin * x.outerStride(), static_cast<int>(x.outerStride()));
  };
  ParallelFor(static_cast<size_t>((x.cols() + kBlock - 1) / kBlock), [&](size_t tile) {
    const Index begin = static_cast<Index>(tile) * kBlock;
    const Index count = std::min(kBlock, x.cols() - begin);
    if constexpr (std::is_same_v<S, float>) {
      solve(cblas_strsm, begin, count);
    } else {
      solve(cblas_dtrsm, begin, count);
    }
  });
}

// Row first + i of x changes places with row pivots[first + i] - 1, for one i after another.
template <class S>
void SwapRows(absl::Span<const int> pivots, Index first, MatrixRef<S> x) {
  for (Index j = 0; j < x.cols(); ++j) {
    S* column = x.data() + j * x.outerStride();
    for (size_t i = 0; i < pivots.size(); ++i) {
      std::swap(column[first + static_cast<Index>(i)], column[pivots[i] - 1]);
    }
  }
}

// W = P L U in place: blocks of columns by LAPACK, and what is right of them by our product,
// which nearly all of the work is. False: a pivot is zero.
template <class S>
bool FactoriseInBlocks(Matrix<S>& w, std::vector<int>& pivots) {
  const Index n = w.rows();
  for (Index k = 0; k < n; k += kBlock) {
    const int rows = static_cast<int>(n - k);
    const int width = static_cast<int>(std::min(kBlock, n - k));
    const int stride = static_cast<int>(n);
    int* const own = pivots.data() + k;
    int info = 0;
    Lapack<S>::kFactorise(&rows, &width, w.data() + k + k * n, &stride, own, &info);
    if (info != 0) return false;
    for (int i = 0; i < width; ++i) own[i] += static_cast<int>(k);
    const absl::Span<const int> swaps(own, static_cast<size_t>(width));
    const Index after = k + width;
    const Index left = n - after;
    SwapRows<S>(swaps, k, w.leftCols(k));
    SwapRows<S>(swaps, k, w.rightCols(left));
    if (left == 0) break;
    SolveTriangle<S>(CblasLower, w.block(k, k, width, width), w.block(k, after, width, left));
    Gemm<S>(Transpose::kNo, w.block(after, k, left, width), Transpose::kNo,
            w.block(k, after, width, left), -1, 1, w.block(after, after, left, left));
  }
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
  factors_ = w;
  pivots_.resize(static_cast<size_t>(w.rows()));
  S norm = 0;
  for (Index j = 0; j < factors_.cols(); ++j) {
    const S of_column = factors_.col(j).cwiseAbs().sum();
    if (!std::isfinite(of_column)) return;
    norm = std::max(norm, of_column);
  }
  const int64_t counted = MultiplyAddsOfThread();
  const bool has_factors = FactoriseInBlocks(factors_, pivots_);
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
  const Index n = factors_.rows();
  const int64_t counted = MultiplyAddsOfThread();
  SwapRows<S>(pivots_, 0, x);
  // Down through L, then up through U: each block of x is solved for, and taken off the rest.
  for (Index k = 0; k < n; k += kBlock) {
    const Index width = std::min(kBlock, n - k);
    const Index left = n - k - width;
    SolveTriangle<S>(CblasLower, factors_.block(k, k, width, width), x.middleRows(k, width));
    Gemm<S>(Transpose::kNo, factors_.block(k + width, k, left, width), Transpose::kNo,
            x.middleRows(k, width), -1, 1, x.bottomRows(left));
  }
  for (Index k = (n - 1) / kBlock * kBlock; k >= 0; k -= kBlock) {
    const Index width = std::min(kBlock, n - k);
    SolveTriangle<S>(CblasUpper, factors_.block(k, k, width, width), x.middleRows(k, width));
    Gemm<S>(Transpose::kNo, factors_.block(0, k, k, width), Transpose::kNo, x.middleRows(k, width),
            -1, 1, x.topRows(k));
  }
  CountMultiplyAdds(factors_.size() * x.cols() - (MultiplyAddsOfThread() - counted));
}

template class SquareInverse<float>;
template class SquareInverse<double>;

}  // namespace tpsweep::trainer
