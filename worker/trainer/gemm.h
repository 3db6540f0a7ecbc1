// The matrix product.
#pragma once

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

enum class Transpose { kNo, kYes };

// C = alpha op(A) op(B) + beta C. With beta = 0, what C held does not matter. C must
// not overlap A or B. Every number of C is one sum over ascending k, cut at places that
// depend on the number of terms alone: the same columns give the same bits in a product
// of any width. (But for products with one column or one term, which are of another kind.)
template <class S>
void Gemm(Transpose transpose_a, const ConstMatrixRef<S>& a, Transpose transpose_b,
          const ConstMatrixRef<S>& b, S alpha, S beta, MatrixRef<S> c);

// C = A B + d 1^T: the (m, 1) vector `d` is added to every column.
template <class S>
void GemmPlusColumn(const ConstMatrixRef<S>& a, const ConstMatrixRef<S>& b, const Matrix<S>& d,
                    MatrixRef<S> c);

}  // namespace tpsweep::trainer
