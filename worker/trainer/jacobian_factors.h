// The decomposition of a Jacobian, of any shape and rank, from which damped Gauss-Newton
// steps with any damping follow.
#pragma once

#include <Eigen/QR>
#include <Eigen/SVD>
#include <optional>

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// J = U diag(s) V^T of one Jacobian (n, p), by a QR decomposition along its longer
// side and the singular values of the square factor: any shape, any rank.
class JacobianFactors {
 public:
  // `transposed` (p, n) is J^T, of numbers with this unit roundoff. It is overwritten,
  // and used until the next call. Singular values that are zero but for rounding
  // (max(n, p) roundoffs of the largest) count as zero.
  void Compute(MatrixRef<double> transposed, double roundoff);

  // J^T (J J^T + damping I)^-1 e; with damping 0 the pseudo-inverse times e. `out` (p)
  // becomes not-a-number if J is not finite.
  void Step(double damping, const Eigen::Ref<const Eigen::VectorXd>& e,
            Eigen::Ref<Eigen::VectorXd> out) const;

  // Largest over smallest singular value; infinite below full rank.
  double ConditionNumber() const;

  // Norm of the part of `vector` (p) that J maps to zero. Singular values of at most
  // `least` count as zero too.
  double NullNorm(const Eigen::VectorXd& vector, double least) const;

 private:
  bool is_finite_ = false;
  bool is_long_ = false;  // p >= n: J^T = Q A s B^T, else J = Q A s B^T
  double tolerance_ = 0;
  Matrix<double> untransposed_;
  std::optional<Eigen::HouseholderQR<MatrixRef<double>>> qr_;
  // Of a square matrix, which needs no QR decomposition of its own.
  Eigen::JacobiSVD<Matrix<double>, Eigen::NoQRPreconditioner> svd_;
};

}  // namespace tpsweep::trainer
