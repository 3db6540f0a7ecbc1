// The matrix product: the one door to BLAS.
#pragma once

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

enum class Transpose { kNo, kYes };

// C = alpha op(A) op(B) + beta C. With beta = 0, what C held does not matter.
// Large products are cut into tiles of C by their shape alone (parallel.h). C
// must not overlap A or B.
template <class S>
void Gemm(Transpose transpose_a, const ConstMatrixRef<S>& a, Transpose transpose_b,
          const ConstMatrixRef<S>& b, S alpha, S beta, MatrixRef<S> c);

}  // namespace tpsweep::trainer
