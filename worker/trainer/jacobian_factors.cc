#include "worker/trainer/jacobian_factors.h"

#include <algorithm>
#include <limits>

namespace tpsweep::trainer {

void JacobianFactors::Compute(MatrixRef<double> transposed, double roundoff) {
  is_finite_ = transposed.allFinite();
  if (!is_finite_) return;
  is_long_ = transposed.rows() >= transposed.cols();
  if (!is_long_) untransposed_ = transposed.transpose();
  MatrixRef<double> longer = is_long_ ? transposed : MatrixRef<double>(untransposed_);
  qr_.emplace(longer);
  const Index rank = longer.cols();
  const Matrix<double> square = longer.topRows(rank).triangularView<Eigen::Upper>();
  svd_.compute(square, Eigen::ComputeFullU | Eigen::ComputeFullV);
  tolerance_ = static_cast<double>(longer.rows()) * roundoff * svd_.singularValues()(0);
}

void JacobianFactors::Step(double damping, const Eigen::Ref<const Eigen::VectorXd>& e,
                           Eigen::Ref<Eigen::VectorXd> out) const {
  if (!is_finite_) {
    out.setConstant(std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const auto& s = svd_.singularValues();
  Eigen::VectorXd along = e;
  if (is_long_) {
    along.applyOnTheLeft(svd_.matrixV().transpose());
  } else {
    along.applyOnTheLeft(qr_->householderQ().adjoint());
    along = (svd_.matrixU().transpose() * along.head(s.size())).eval();
  }
  for (Index i = 0; i < s.size(); ++i) {
    if (damping > 0) {
      along(i) *= s(i) / (s(i) * s(i) + damping);
    } else {
      along(i) = s(i) > tolerance_ ? along(i) / s(i) : 0;
    }
  }
  if (is_long_) {
    out.head(s.size()) = svd_.matrixU() * along;
    out.tail(out.size() - s.size()).setZero();
    out.applyOnTheLeft(qr_->householderQ());
  } else {
    out = svd_.matrixV() * along;
  }
}

double JacobianFactors::ConditionNumber() const {
  if (!is_finite_) return std::numeric_limits<double>::quiet_NaN();
  const auto& s = svd_.singularValues();
  const double smallest = s(s.size() - 1);
  return smallest > tolerance_ ? s(0) / smallest : std::numeric_limits<double>::infinity();
}

double JacobianFactors::NullNorm(const Eigen::VectorXd& vector, double least) const {
  if (!is_finite_) return std::numeric_limits<double>::quiet_NaN();
  const auto& s = svd_.singularValues();
  const Index rank = (s.array() > std::max(tolerance_, least)).count();
  // Orthogonal maps keep the norm: take off what lies along the first right singular
  // vectors, which for a long J are Q A.
  Eigen::VectorXd rest = vector;
  if (is_long_) rest.applyOnTheLeft(qr_->householderQ().adjoint());
  const auto right = (is_long_ ? svd_.matrixU() : svd_.matrixV()).leftCols(rank);
  auto head = rest.head(s.size());
  head -= right * (right.transpose() * head).eval();
  return rest.norm();
}

}  // namespace tpsweep::trainer
