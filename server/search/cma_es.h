// Evolution strategy with covariance matrix adaptation.
//
// N. Hansen, "The CMA evolution strategy: a tutorial" (arXiv 1604.00772, 2016); the
// numbers in the code are its equations, the constants those of its table 1, without
// negative weights. What is told may have been drawn elsewhere, or earlier, than from
// the present distribution; steps are cut to a length that it could have made
// (N. Hansen, "Injecting external solutions into CMA-ES", arXiv 1110.4181, 2011).
//
//   m, sigma, C   mean, step size, covariance: points are m + sigma N(0, C)
//   p_sigma, p_c  paths of m, of which the lengths steer sigma and C
//
// Not thread-safe.
#pragma once

#include "Eigen/Core"
#include "common/random.h"

namespace tpsweep::server {

class CmaEs {
 public:
  // `deviations`: the first standard deviation of each coordinate.
  CmaEs(Eigen::VectorXd mean, const Eigen::VectorXd& deviations, int population);

  static int DefaultPopulation(int dimensions);

  int population() const { return population_; }
  const Eigen::VectorXd& mean() const { return mean_; }
  // The largest standard deviation of any direction.
  double spread() const { return sigma_ * scales_.maxCoeff(); }

  Eigen::VectorXd Draw(RandomStream& random) const;
  // A generation: a column for each point, best first.
  void Tell(const Eigen::MatrixXd& points);

 private:
  void Decompose();

  Eigen::Index n_;
  int population_;
  Eigen::VectorXd weights_;
  double mu_eff_, c_sigma_, d_sigma_, c_c_, c_1_, c_mu_, chi_n_;
  int64_t generation_ = 0;
  Eigen::VectorXd mean_;
  double sigma_ = 1;
  Eigen::MatrixXd covariance_;
  Eigen::VectorXd p_sigma_, p_c_;
  // C = axes diag(scales^2) axes^T
  Eigen::MatrixXd axes_;
  Eigen::VectorXd scales_;
};

}  // namespace tpsweep::server
