// The inverse of a square matrix, never formed: solves by a factorisation W = P L U that
// is made once and used for whole mini-batches.
//
// Both go by blocks: within one by the LAPACK and BLAS of the linked OpenBLAS, between them
// by our product (gemm.h), which is faster than theirs for blocks (docs/benchmarks.md). The
// triangles on the diagonal are inverted, so that solving is products alone. One thread may
// factorise; then any number may solve.
#pragma once

#include <vector>

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

template <class S>
class SquareInverse {
 public:
  // Of W (n, n), whatever it holds. Keeps its memory for the next W of that size.
  void Factorise(const ConstMatrixRef<S>& w);

  // 1 / (||W|| ||W^-1||) in the 1-norm. The norm of the inverse is estimated by three
  // solves (the first step of Hager's method): it is at most the true one, and seldom less
  // than a third of it. 0 if a pivot is zero or something is not finite.
  double reciprocal_condition() const { return reciprocal_condition_; }

  // Whether not one digit of a solution would be right.
  bool is_singular() const;

  // x <- W^-1 x, every column of x (n, B). W is not singular.
  void Solve(MatrixRef<S> x) const;

 private:
  Matrix<S> factors_;        // L below the diagonal, U above
  std::vector<int> pivots_;  // as LAPACK has them
  // Of the blocks on the diagonals of L and U, side by side, (rows of a block, n).
  Matrix<S> lower_inverses_, upper_inverses_;
  Matrix<S> x_;  // (n, 1), for the estimate
  double reciprocal_condition_ = 0;
};

}  // namespace tpsweep::trainer
