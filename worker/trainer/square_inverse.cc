#include "worker/trainer/square_inverse.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "worker/trainer/parallel.h"

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
void sgecon_(const char* norm, const int* n, const float* a, const int* lda, const float* a_norm,
             float* reciprocal, float* work, int* int_work, int* info, size_t norm_length);
void dgecon_(const char* norm, const int* n, const double* a, const int* lda, const double* a_norm,
             double* reciprocal, double* work, int* int_work, int* info, size_t norm_length);
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
  static constexpr auto kCondition = &sgecon_;
};
template <>
struct Lapack<double> {
  static constexpr auto kFactorise = &dgetrf_;
  static constexpr auto kSolve = &dgetrs_;
  static constexpr auto kCondition = &dgecon_;
};

// Columns that are solved together: enough to fill the kernels, and to share among threads.
constexpr Index kTileWidth = 64;

}  // namespace

template <class S>
void SquareInverse<S>::Factorise(const ConstMatrixRef<S>& w) {
  reciprocal_condition_ = 0;
  factors_ = w;
  const int n = static_cast<int>(w.rows());
  pivots_.resize(static_cast<size_t>(n));
  const S norm = factors_.cwiseAbs().colwise().sum().maxCoeff();
  if (!factors_.allFinite() || !std::isfinite(norm)) return;
  int info = 0;
  Lapack<S>::kFactorise(&n, &n, factors_.data(), &n, pivots_.data(), &info);
  // A positive `info` counts the pivots up to the first that is zero.
  if (info != 0 || !factors_.allFinite()) return;
  S reciprocal = 0;
  std::vector<S> work(4 * static_cast<size_t>(n));
  std::vector<int> int_work(static_cast<size_t>(n));
  Lapack<S>::kCondition("1", &n, factors_.data(), &n, &norm, &reciprocal, work.data(),
                        int_work.data(), &info, 1);
  if (info == 0 && std::isfinite(reciprocal)) reciprocal_condition_ = reciprocal;
}

template <class S>
bool SquareInverse<S>::is_singular() const {
  return reciprocal_condition_ < static_cast<double>(std::numeric_limits<S>::epsilon());
}

template <class S>
void SquareInverse<S>::Solve(MatrixRef<S> x) const {
  const int n = static_cast<int>(factors_.rows());
  const int ldx = static_cast<int>(x.outerStride());
  const Index num_tiles = (x.cols() + kTileWidth - 1) / kTileWidth;
  ParallelFor(static_cast<size_t>(num_tiles), [&](size_t i) {
    const Index begin = static_cast<Index>(i) * kTileWidth;
    const int count = static_cast<int>(std::min(kTileWidth, x.cols() - begin));
    int info = 0;  // of arguments only
    Lapack<S>::kSolve("N", &n, &count, factors_.data(), &n, pivots_.data(),
                      x.data() + begin * x.outerStride(), &ldx, &info, 1);
  });
}

template class SquareInverse<float>;
template class SquareInverse<double>;

}  // namespace tpsweep::trainer
