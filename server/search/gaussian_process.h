// Gaussian process regression over configurations, and expected improvement.
//
// C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning"
// (2006): algorithm 2.1, eq. 5.9. Kernel (eq. 4.17, Matern 5/2):
//
//   k(r) = s^2 (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r),   r^2 = sum_d D_d / l_d^2
//
//   D_d  (x_d - x'_d)^2 of numbers; for choices, and where only one of the two has
//        the parameter, 1 if they differ and 0 if not
//   l_d, s^2, v   lengths, signal variance and noise variance, kept as logarithms
//
// Values are standardised by the caller. Not thread-safe.
#pragma once

#include <vector>

#include "Eigen/Cholesky"
#include "Eigen/Core"
#include "server/search/search_space.h"

namespace tpsweep::server {

class GaussianProcess {
 public:
  // Logarithms of l_1 ... l_D, s^2 and v.
  using Hyperparameters = Eigen::VectorXd;

  // `space` must outlive it; `values` has one entry a point.
  GaussianProcess(const SearchSpace& space, std::vector<Point> points, Eigen::VectorXd values);

  // Where the search for hyperparameters starts, and the middle of their prior.
  static Hyperparameters Typical(int dimensions);
  // The logarithm of the posterior density of the hyperparameters (without its
  // constant), and its gradient; -infinity if the matrix is not positive definite.
  double LogPosterior(const Hyperparameters& at, Eigen::VectorXd& gradient) const;
  // Climbs from Typical: `steps` evaluations (Rprop: a step of its own for each
  // coordinate, longer while the sign of the slope stays, shorter when it turns).
  Hyperparameters Fit(int steps) const;

  // Makes the model with these hyperparameters; false if it cannot be.
  bool Condition(const Hyperparameters& with);
  // Means and standard deviations (without noise) at `points`, after Condition.
  void Predict(absl::Span<const Point> points, Eigen::VectorXd& means,
               Eigen::VectorXd& deviations) const;

 private:
  double Distance(int axis, double a, double b) const;
  Eigen::MatrixXd KernelOf(const Eigen::MatrixXd& squared_r, double log_signal) const;

  const SearchSpace& space_;
  const std::vector<Point> points_;
  const Eigen::VectorXd values_;
  Hyperparameters with_;
  Eigen::LLT<Eigen::MatrixXd> factor_;
  Eigen::VectorXd weights_;  // K^-1 y
};

// E[max(best - f, 0)] for f ~ N(mean, deviation^2).
double ExpectedImprovement(double best, double mean, double deviation);

}  // namespace tpsweep::server
