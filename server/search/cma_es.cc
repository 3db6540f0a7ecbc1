#include "server/search/cma_es.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "Eigen/Eigenvalues"

namespace tpsweep::server {

using Eigen::MatrixXd;
using Eigen::VectorXd;

int CmaEs::DefaultPopulation(int dimensions) {
  return 4 + static_cast<int>(3 * std::log(dimensions));
}

CmaEs::CmaEs(VectorXd mean, const VectorXd& deviations, int population)
    : n_(mean.size()), population_(population), mean_(std::move(mean)) {
  const auto n = static_cast<double>(n_);
  const int mu = population / 2;
  weights_.resize(mu);
  for (int i = 0; i < mu; ++i) weights_[i] = std::log((population + 1) / 2.0) - std::log(i + 1);
  weights_ /= weights_.sum();
  mu_eff_ = 1 / weights_.squaredNorm();
  c_sigma_ = (mu_eff_ + 2) / (n + mu_eff_ + 5);
  d_sigma_ = 1 + 2 * std::max(0.0, std::sqrt((mu_eff_ - 1) / (n + 1)) - 1) + c_sigma_;
  c_c_ = (4 + mu_eff_ / n) / (n + 4 + 2 * mu_eff_ / n);
  c_1_ = 2 / ((n + 1.3) * (n + 1.3) + mu_eff_);
  c_mu_ = std::min(1 - c_1_, 2 * (mu_eff_ - 2 + 1 / mu_eff_) / ((n + 2) * (n + 2) + mu_eff_));
  chi_n_ = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
  sigma_ = deviations.mean();
  covariance_ = (deviations / sigma_).array().square().matrix().asDiagonal();
  p_sigma_ = VectorXd::Zero(n_);
  p_c_ = VectorXd::Zero(n_);
  Decompose();
}

void CmaEs::Decompose() {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(covariance_);
  axes_ = solver.eigenvectors();
  scales_ = solver.eigenvalues().array().max(1e-20).sqrt();
}

VectorXd CmaEs::Draw(RandomStream& random) const {
  VectorXd z(n_);
  for (Eigen::Index i = 0; i < n_; ++i) z[i] = scales_[i] * random.NextNormal();
  return mean_ + sigma_ * (axes_ * z);
}

void CmaEs::Tell(const MatrixXd& points) {
  ++generation_;
  const auto n = static_cast<double>(n_);
  const MatrixXd whiten = axes_ * scales_.cwiseInverse().asDiagonal() * axes_.transpose();
  MatrixXd steps = (points.leftCols(weights_.size()).colwise() - mean_) / sigma_;
  const double longest = std::sqrt(n) + 2 * n / (n + 2);
  for (Eigen::Index i = 0; i < steps.cols(); ++i) {
    const double length = (whiten * steps.col(i)).norm();
    if (length > longest) steps.col(i) *= longest / length;
  }
  const VectorXd step = steps * weights_;
  mean_ += sigma_ * step;  // (42)
  p_sigma_ = (1 - c_sigma_) * p_sigma_ +
             std::sqrt(c_sigma_ * (2 - c_sigma_) * mu_eff_) * (whiten * step);  // (43)
  const double settled = 1 - std::pow(1 - c_sigma_, 2.0 * static_cast<double>(generation_));
  const bool is_moving_fast = p_sigma_.norm() / std::sqrt(settled) >= (1.4 + 2 / (n + 1)) * chi_n_;
  p_c_ *= 1 - c_c_;  // (45)
  if (!is_moving_fast) p_c_ += std::sqrt(c_c_ * (2 - c_c_) * mu_eff_) * step;
  const double lost = is_moving_fast ? c_1_ * c_c_ * (2 - c_c_) : 0;
  covariance_ = (1 - c_1_ - c_mu_ + lost) * covariance_ + c_1_ * p_c_ * p_c_.transpose() +
                c_mu_ * steps * weights_.asDiagonal() * steps.transpose();                  // (47)
  sigma_ *= std::exp(std::min(1.0, c_sigma_ / d_sigma_ * (p_sigma_.norm() / chi_n_ - 1)));  // (44)
  Decompose();
}

}  // namespace tpsweep::server
