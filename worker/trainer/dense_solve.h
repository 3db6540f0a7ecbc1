// Decompositions of small dense matrices in double, by the LAPACK of OpenBLAS: what the
// rules of dynamic inversion factor once an update. Results do not depend on the number
// of threads. Not thread-safe, but for the functions.
#pragma once

#include <complex>
#include <vector>

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

using ComplexMatrix = Eigen::MatrixXcd;

// A = L L^T of a symmetric positive definite matrix.
class CholeskyDecomposition {
 public:
  // Returns an estimate of the reciprocal condition number; 0 if `a` is not positive
  // definite or holds what is not a number, and there is nothing to solve with. Reads the
  // lower half.
  double Factor(const Matrix<double>& a);
  void Solve(Matrix<double>& b) const;

 private:
  Matrix<double> l_;
  // Kept, so that steps do not allocate.
  std::vector<double> work_;
  std::vector<int> integer_work_;
};

// The shortest of the x that make |A x - b| smallest. Singular values below the rounding
// of double count as zero. A may have any shape and rank.
Matrix<double> LeastSquares(Matrix<double> a, const Matrix<double>& b);

// In no particular order; infinity alone if `a` holds what is not a number.
std::vector<std::complex<double>> Eigenvalues(Matrix<double> a);

// A = U T U^*, T upper triangular. False if it cannot be computed.
bool SchurDecomposition(const Matrix<double>& a, ComplexMatrix& t, ComplexMatrix& u);

}  // namespace tpsweep::trainer
