// The linear half of a layer, forward and backward; used by networks and by the
// feedback paths of rules.
#pragma once

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// a = W h + b, for every column of h. `b` (n, 1) may be null.
template <class S>
void AffineMap(const Matrix<S>& w, const Matrix<S>* b, const ConstMatrixRef<S>& h, MatrixRef<S> a);

// From factor delta = d loss / d a: grad_w = factor delta h^T and grad_b = factor times the sum of
// the columns of delta. `grad_b` may be null.
template <class S>
void AffineGradient(const ConstMatrixRef<S>& delta, const ConstMatrixRef<S>& h, Matrix<S>& grad_w,
                    Matrix<S>* grad_b, S factor = 1);

}  // namespace tpsweep::trainer
