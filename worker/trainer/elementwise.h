// Elementwise arithmetic on whole matrices (contiguous, of equal size): the loops
// of kernels.h, cut into shards.
#pragma once

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// y = alpha x.
template <class S>
void Scale(S alpha, const ConstMatrixRef<S>& x, MatrixRef<S> y);

// z = x + y. All three may be the same memory.
template <class S>
void Add(const ConstMatrixRef<S>& x, const ConstMatrixRef<S>& y, MatrixRef<S> z);

// z = x - y.
template <class S>
void Subtract(const ConstMatrixRef<S>& x, const ConstMatrixRef<S>& y, MatrixRef<S> z);

// The square of the Frobenius norm, summed in double.
template <class S>
double SumOfSquares(const ConstMatrixRef<S>& x);

// The Frobenius norm.
template <class S>
double Norm(const ConstMatrixRef<S>& x);

// Whether none is infinite or not a number.
template <class S>
bool IsFinite(const ConstMatrixRef<S>& x);

}  // namespace tpsweep::trainer
