#include "worker/trainer/gemm.h"

#include <cblas.h>

#include <algorithm>

#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

CBLAS_TRANSPOSE ToBlas(Transpose transpose) {
  return transpose == Transpose::kYes ? CblasTrans : CblasNoTrans;
}

// y = alpha op(A) x + beta y: a product with one column reads A once, where that of
// matrices would copy it first.
void VectorProduct(Transpose ta, Index m, Index k, float alpha, const float* a, Index lda,
                   const float* x, Index incx, float beta, float* y) {
  const bool t = ta == Transpose::kYes;
  cblas_sgemv(CblasColMajor, ToBlas(ta), static_cast<blasint>(t ? k : m),
              static_cast<blasint>(t ? m : k), alpha, a, static_cast<blasint>(lda), x,
              static_cast<blasint>(incx), beta, y, 1);
}

void VectorProduct(Transpose ta, Index m, Index k, double alpha, const double* a, Index lda,
                   const double* x, Index incx, double beta, double* y) {
  const bool t = ta == Transpose::kYes;
  cblas_dgemv(CblasColMajor, ToBlas(ta), static_cast<blasint>(t ? k : m),
              static_cast<blasint>(t ? m : k), alpha, a, static_cast<blasint>(lda), x,
              static_cast<blasint>(incx), beta, y, 1);
}

void Product(Transpose ta, Transpose tb, Index m, Index n, Index k, float alpha, const float* a,
             Index lda, const float* b, Index ldb, float beta, float* c, Index ldc) {
  cblas_sgemm(CblasColMajor, ToBlas(ta), ToBlas(tb), static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), alpha, a, static_cast<blasint>(lda),
              b, static_cast<blasint>(ldb), beta, c, static_cast<blasint>(ldc));
}

void Product(Transpose ta, Transpose tb, Index m, Index n, Index k, double alpha, const double* a,
             Index lda, const double* b, Index ldb, double beta, double* c, Index ldc) {
  cblas_dgemm(CblasColMajor, ToBlas(ta), ToBlas(tb), static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), alpha, a, static_cast<blasint>(lda),
              b, static_cast<blasint>(ldb), beta, c, static_cast<blasint>(ldc));
}

// A tile is wide enough that packing the other operand once more for it costs
// little, and a product below the threshold is over before a second thread wakes up.
constexpr Index kTileWidth = 128;
constexpr Index kMaxTiles = 8;
constexpr double kMinMultiplications = 4e6;

}  // namespace

template <class S>
void Gemm(Transpose transpose_a, const ConstMatrixRef<S>& a, Transpose transpose_b,
          const ConstMatrixRef<S>& b, S alpha, S beta, MatrixRef<S> c) {
  const Index m = c.rows();
  const Index n = c.cols();
  const Index k = transpose_a == Transpose::kYes ? a.rows() : a.cols();
  if (m == 0 || n == 0) return;
  // BLAS wants a positive leading dimension, also of an empty matrix.
  const Index lda = std::max<Index>(1, a.outerStride());
  const Index ldb = std::max<Index>(1, b.outerStride());
  const Index ldc = std::max<Index>(1, c.outerStride());
  // Mini-batches of one sample.
  if (n == 1) {
    if (beta == 0) c.setZero();
    const Index incx = transpose_b == Transpose::kYes ? ldb : 1;
    return VectorProduct(transpose_a, m, k, alpha, a.data(), lda, b.data(), incx, beta, c.data());
  }
  if (k == 1 && beta == 0 && transpose_a == Transpose::kNo) {
    const Index step = transpose_b == Transpose::kYes ? 1 : ldb;
    for (Index j = 0; j < n; ++j) {
      GetKernels<S>().scale(static_cast<size_t>(m), alpha * b.data()[j * step], a.data(),
                            c.data() + j * ldc);
    }
    return;
  }
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const bool cut_rows = m > n;
  const Index width = std::max(m, n);
  const Index num_tiles =
      work < kMinMultiplications ? 1 : std::clamp<Index>(width / kTileWidth, 1, kMaxTiles);
  // A multiple of 16, so that the tiles' inner kernels are full.
  const Index tile = ((width + num_tiles - 1) / num_tiles + 15) / 16 * 16;
  ParallelFor(static_cast<size_t>((width + tile - 1) / tile), [&](size_t i) {
    const Index begin = static_cast<Index>(i) * tile;
    const Index count = std::min(tile, width - begin);
    if (cut_rows) {
      const S* a_tile = a.data() + (transpose_a == Transpose::kYes ? begin * lda : begin);
      Product(transpose_a, transpose_b, count, n, k, alpha, a_tile, lda, b.data(), ldb, beta,
              c.data() + begin, ldc);
    } else {
      const S* b_tile = b.data() + (transpose_b == Transpose::kYes ? begin : begin * ldb);
      Product(transpose_a, transpose_b, m, count, k, alpha, a.data(), lda, b_tile, ldb, beta,
              c.data() + begin * ldc, ldc);
    }
  });
}

template void Gemm(Transpose, const ConstMatrixRef<float>&, Transpose, const ConstMatrixRef<float>&,
                   float, float, MatrixRef<float>);
template void Gemm(Transpose, const ConstMatrixRef<double>&, Transpose,
                   const ConstMatrixRef<double>&, double, double, MatrixRef<double>);

}  // namespace tpsweep::trainer
