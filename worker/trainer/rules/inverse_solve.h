// The two inversions of a layer that need no dynamics, on a whole mini-batch: factored once an
// update, in double whatever S is.
//
//   W (n, m), B (m, n), alpha leak, g factor of B, y (n, batch) -> r (m, batch)
//   non-dynamic   r = g B (g W B - alpha I)^-1 y where n <= m, else (g B W - alpha I)^-1 g B y:
//                 the same by the push-through identity, each from the smaller matrix;
//                 a singular one is inverted by least squares
//   pseudo        r = W^+ y, the shortest of the least-squares solutions of W r = y
// Not thread-safe.
#pragma once

#include "worker/trainer/dense_solve.h"
#include "worker/trainer/square_inverse.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Holds on to W and B until the next Factor.
template <class S>
class NondynamicInverse {
 public:
  void Factor(const Matrix<S>& w, const Matrix<S>& b, double alpha, double factor = 1);
  void Apply(const Matrix<S>& y, Matrix<S>& r);

 private:
  // small_ <- A^-1 small_.
  void Solve();

  const Matrix<S>* b_ = nullptr;
  double factor_ = 1;
  bool is_wide_ = true;
  Matrix<S> product_, work_;  // kept, so that steps do not allocate
  Matrix<double> small_;
  Matrix<double> a_;  // the smaller matrix
  SquareInverse<double> inverse_;
};

template <class S>
class PseudoInverse {
 public:
  // By the normal equations where they cost no accuracy that matters.
  void Factor(const Matrix<S>& w);
  void Apply(const Matrix<S>& y, Matrix<S>& r);

 private:
  Matrix<double> w_;
  bool has_normal_equations_ = false;
  Matrix<double> gram_;  // W W^T or W^T W, whichever is smaller
  CholeskyDecomposition gram_factors_;
  Matrix<double> right_, result_;  // kept, so that steps do not allocate
};

}  // namespace tpsweep::trainer
