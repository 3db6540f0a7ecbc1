#include "server/search/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tpsweep::server {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// The priors of the logarithms: normal.
constexpr double kLengthDeviation = 0.8;
constexpr double kSignalDeviation = 1;
constexpr double kNoiseDeviation = 2;
constexpr double kLeastNoise = 1e-6;

}  // namespace

double ExpectedImprovement(double best, double mean, double deviation) {
  if (deviation <= 0) return std::max(best - mean, 0.0);
  const double z = (best - mean) / deviation;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
  return deviation * (z * NormalCdf(z) + density);
}

GaussianProcess::GaussianProcess(const SearchSpace& space, std::vector<Point> points,
                                 VectorXd values)
    : space_(space), points_(std::move(points)), values_(std::move(values)) {}

GaussianProcess::Hyperparameters GaussianProcess::Typical(int dimensions) {
  VectorXd typical(dimensions + 2);
  // Distances in a cube grow with the root of its dimensions.
  typical.head(dimensions).setConstant(std::log(0.3 * std::sqrt(dimensions)));
  typical[dimensions] = 0;
  typical[dimensions + 1] = std::log(1e-3);
  return typical;
}

double GaussianProcess::Distance(int axis, double a, double b) const {
  if (IsAbsent(a) || IsAbsent(b)) return IsAbsent(a) == IsAbsent(b) ? 0 : 1;
  if (space_.axis(axis).is_categorical()) return a == b ? 0 : 1;
  return (a - b) * (a - b);
}

MatrixXd GaussianProcess::KernelOf(const MatrixXd& squared_r, double log_signal) const {
  const Eigen::ArrayXXd r = (5 * squared_r.array()).sqrt();
  return std::exp(log_signal) * (1 + r + r.square() / 3) * (-r).exp();
}

double GaussianProcess::LogPosterior(const Hyperparameters& at, VectorXd& gradient) const {
  const auto n = static_cast<Index>(points_.size());
  const int dimensions = space_.size();
  std::vector<MatrixXd> scaled;  // D_d / l_d^2
  MatrixXd squared_r = MatrixXd::Zero(n, n);
  for (int d = 0; d < dimensions; ++d) {
    const double inverse = std::exp(-2 * at[d]);
    MatrixXd& of_axis = scaled.emplace_back(n, n);
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) {
        of_axis(i, j) =
            inverse * Distance(d, points_[static_cast<size_t>(i)][static_cast<size_t>(d)],
                               points_[static_cast<size_t>(j)][static_cast<size_t>(d)]);
      }
    }
    squared_r += of_axis;
  }
  const MatrixXd kernel = KernelOf(squared_r, at[dimensions]);
  const double noise = std::exp(at[dimensions + 1]) + kLeastNoise;
  MatrixXd matrix = kernel;
  matrix.diagonal().array() += noise;
  const Eigen::LLT<MatrixXd> factor(matrix);
  if (factor.info() != Eigen::Success) return -INFINITY;
  const VectorXd weights = factor.solve(values_);
  // alpha alpha^T - K^-1 (eq. 5.9)
  const MatrixXd slope = weights * weights.transpose() - factor.solve(MatrixXd::Identity(n, n));
  // -2 d k / d r^2: the derivative by log l_d is that times D_d / l_d^2.
  const Eigen::ArrayXXd r = (5 * squared_r.array()).sqrt();
  const Eigen::ArrayXXd by_length =
      std::exp(at[dimensions]) * 5 / 3 * (1 + r) * (-r).exp() * slope.array();

  gradient.resize(dimensions + 2);
  for (int d = 0; d < dimensions; ++d) {
    gradient[d] = 0.5 * (by_length * scaled[static_cast<size_t>(d)].array()).sum();
  }
  gradient[dimensions] = 0.5 * (slope.array() * kernel.array()).sum();
  gradient[dimensions + 1] = 0.5 * slope.trace() * std::exp(at[dimensions + 1]);
  double log_posterior = -0.5 * values_.dot(weights);
  for (Index i = 0; i < n; ++i) log_posterior -= std::log(factor.matrixLLT()(i, i));
  const VectorXd typical = Typical(dimensions);
  for (Index i = 0; i < at.size(); ++i) {
    const double deviation = i < dimensions    ? kLengthDeviation
                             : i == dimensions ? kSignalDeviation
                                               : kNoiseDeviation;
    const double z = (at[i] - typical[i]) / deviation;
    log_posterior -= z * z / 2;
    gradient[i] -= z / deviation;
  }
  return log_posterior;
}

GaussianProcess::Hyperparameters GaussianProcess::Fit(int steps) const {
  VectorXd at = Typical(space_.size());
  VectorXd best = at;
  double best_posterior = -INFINITY;
  VectorXd step = VectorXd::Constant(at.size(), 0.2);
  VectorXd before = VectorXd::Zero(at.size());
  for (int i = 0; i < steps; ++i) {
    VectorXd gradient = VectorXd::Zero(at.size());
    const double posterior = LogPosterior(at, gradient);
    if (posterior > best_posterior) {
      best_posterior = posterior;
      best = at;
    }
    if (!std::isfinite(posterior)) break;
    for (Index d = 0; d < at.size(); ++d) {
      const double turn = gradient[d] * before[d];
      step[d] = std::clamp(step[d] * (turn > 0 ? 1.2 : turn < 0 ? 0.5 : 1.0), 1e-3, 1.0);
      at[d] += gradient[d] > 0 ? step[d] : gradient[d] < 0 ? -step[d] : 0.0;
    }
    before = gradient;
  }
  return best;
}

bool GaussianProcess::Condition(const Hyperparameters& with) {
  with_ = with;
  const auto n = static_cast<Index>(points_.size());
  MatrixXd squared_r = MatrixXd::Zero(n, n);
  for (int d = 0; d < space_.size(); ++d) {
    const auto at = static_cast<size_t>(d);
    const double inverse = std::exp(-2 * with[d]);
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) {
        squared_r(i, j) += inverse * Distance(d, points_[static_cast<size_t>(i)][at],
                                              points_[static_cast<size_t>(j)][at]);
      }
    }
  }
  MatrixXd matrix = KernelOf(squared_r, with[space_.size()]);
  matrix.diagonal().array() += std::exp(with[space_.size() + 1]) + kLeastNoise;
  factor_.compute(matrix);
  if (factor_.info() != Eigen::Success) return false;
  weights_ = factor_.solve(values_);
  return true;
}

void GaussianProcess::Predict(absl::Span<const Point> points, VectorXd& means,
                              VectorXd& deviations) const {
  MatrixXd squared_r =
      MatrixXd::Zero(static_cast<Index>(points_.size()), static_cast<Index>(points.size()));
  for (int d = 0; d < space_.size(); ++d) {
    const auto at = static_cast<size_t>(d);
    const double inverse = std::exp(-2 * with_[d]);
    for (Index j = 0; j < squared_r.cols(); ++j) {
      for (Index i = 0; i < squared_r.rows(); ++i) {
        squared_r(i, j) += inverse * Distance(d, points_[static_cast<size_t>(i)][at],
                                              points[static_cast<size_t>(j)][at]);
      }
    }
  }
  const double log_signal = with_[space_.size()];
  const MatrixXd kernel = KernelOf(squared_r, log_signal);
  means = kernel.transpose() * weights_;
  const MatrixXd explained = factor_.matrixL().solve(kernel);
  deviations =
      (std::exp(log_signal) - explained.colwise().squaredNorm().array()).max(0).sqrt().transpose();
}

}  // namespace tpsweep::server
