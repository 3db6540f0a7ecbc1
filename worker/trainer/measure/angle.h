// Angles in degrees, summed in double. An angle with a vector of zeros is not a number.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tpsweep::trainer {

// Between two Eigen expressions of one shape, taken as vectors.
template <class A, class B>
double Angle(const A& a, const B& b) {
  const auto x = a.template cast<double>();
  const auto y = b.template cast<double>();
  const double cosine = x.cwiseProduct(y).sum() / (x.norm() * y.norm());
  if (std::isnan(cosine)) return cosine;
  return std::acos(std::clamp(cosine, -1.0, 1.0)) * 180 / std::numbers::pi;
}

// The mean over the columns, which are samples: not a number if that of one of them is not.
template <class A, class B>
double MeanAngleOfColumns(const A& a, const B& b) {
  double sum = 0;
  for (auto i = a.cols() - a.cols(); i < a.cols(); ++i) sum += Angle(a.col(i), b.col(i));
  return sum / static_cast<double>(a.cols());
}

}  // namespace tpsweep::trainer
