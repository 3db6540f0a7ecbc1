// A density over configurations, made of kernels around trials (a Parzen
// estimator), and a draw from it.
//
// Of a number the kernel is a normal distribution cut off at the ends of [0, 1]. Of
// a choice it gives most of the probability to the trial's own value and the rest
// to all alike. Where the trial lacks a parameter that is asked for, because its
// own conditions did not hold, the kernel is the prior. One more kernel is the prior
// everywhere; all have the same weight.
//
// Immutable, so thread-safe.
#pragma once

#include <vector>

#include "Eigen/Core"
#include "absl/types/span.h"
#include "common/random.h"
#include "server/search/history.h"
#include "server/search/search_space.h"

namespace tpsweep::server {

// Of one parameter, around the trials that have it.
class ParzenAxis {
 public:
  // Widths by the distance to the neighbours: narrow where trials are dense. `around`:
  // coordinates.
  static ParzenAxis ByNeighbours(const Axis& axis, std::vector<double> around);
  // One width for all: `factor` times their standard deviation. kAbsent stands for a
  // trial without the parameter.
  static ParzenAxis BySpread(const Axis& axis, std::vector<double> around, double factor);

  int num_kernels() const { return static_cast<int>(centres_.size()); }
  // From kernel `k` in [0, num_kernels], the last of them the prior.
  double Draw(int k, RandomStream& random) const;
  // Adds the logarithm of the density of each kernel at `x`, the prior last.
  void AddLogDensities(double x, Eigen::ArrayXd& sums) const;

 private:
  ParzenAxis(const Axis& axis, std::vector<double> around);
  void SetWidth(size_t k, double width);

  const Axis* axis_;
  std::vector<double> centres_;  // kAbsent: the prior
  double smoothing_ = 0;         // of a choice: the share given to all values alike
  // -(x - shift)^2 scale + offset + absent log prior(x), of each kernel.
  Eigen::ArrayXd shifts_, scales_, offsets_, absent_;
  std::vector<double> widths_;
};

// log of the mean of the exponentials of `logs`.
double LogMeanExp(const Eigen::ArrayXd& logs);

}  // namespace tpsweep::server
