#include "server/search/parzen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tpsweep::server {
namespace {

// The narrowest kernel of n trials.
double NarrowestOf(size_t n) { return 1.0 / std::min(100.0, static_cast<double>(n) + 2); }

}  // namespace

ParzenAxis::ParzenAxis(const Axis& axis, std::vector<double> around)
    : axis_(&axis), centres_(std::move(around)) {
  const auto n = static_cast<Eigen::Index>(centres_.size());
  shifts_ = Eigen::ArrayXd::Zero(n);
  scales_ = Eigen::ArrayXd::Zero(n);
  offsets_ = Eigen::ArrayXd::Zero(n);
  absent_ = Eigen::ArrayXd::Zero(n);
  widths_.assign(centres_.size(), 0);
  if (axis.is_categorical()) {
    const auto values = static_cast<double>(axis.num_values());
    smoothing_ = values / (values + static_cast<double>(n));
  }
  for (size_t k = 0; k < centres_.size(); ++k) {
    if (IsAbsent(centres_[k])) absent_[static_cast<Eigen::Index>(k)] = 1;
  }
}

ParzenAxis ParzenAxis::ByNeighbours(const Axis& axis, std::vector<double> around) {
  std::sort(around.begin(), around.end());
  ParzenAxis made(axis, std::move(around));
  if (axis.is_categorical()) return made;
  const std::vector<double>& centres = made.centres_;
  const double narrowest = NarrowestOf(centres.size());
  for (size_t k = 0; k < centres.size(); ++k) {
    const double below = centres[k] - (k > 0 ? centres[k - 1] : 0);
    const double above = (k + 1 < centres.size() ? centres[k + 1] : 1) - centres[k];
    made.SetWidth(k, std::max({below, above, narrowest}));
  }
  return made;
}

ParzenAxis ParzenAxis::BySpread(const Axis& axis, std::vector<double> around, double factor) {
  ParzenAxis made(axis, std::move(around));
  if (axis.is_categorical()) return made;
  double n = 0;
  double sum = 0;
  double squares = 0;
  for (const double x : made.centres_) {
    if (IsAbsent(x)) continue;
    ++n;
    sum += x;
    squares += x * x;
  }
  const double variance = n > 1 ? std::max(0.0, (squares - sum * sum / n) / (n - 1)) : 1.0 / 12;
  const double width = std::max(factor * std::sqrt(variance), NarrowestOf(made.centres_.size()));
  for (size_t k = 0; k < made.centres_.size(); ++k) {
    if (!IsAbsent(made.centres_[k])) made.SetWidth(k, width);
  }
  return made;
}

void ParzenAxis::SetWidth(size_t k, double width) {
  const auto at = static_cast<Eigen::Index>(k);
  const double centre = centres_[k];
  const double inside = NormalCdf((1 - centre) / width) - NormalCdf(-centre / width);
  widths_[k] = width;
  shifts_[at] = centre;
  scales_[at] = 0.5 / (width * width);
  offsets_[at] = -std::log(width * std::sqrt(2 * M_PI) * inside);
}

double ParzenAxis::Draw(int k, RandomStream& random) const {
  const bool is_prior = k == num_kernels() || IsAbsent(centres_[static_cast<size_t>(k)]);
  if (is_prior) return axis_->Draw(random.NextUniform());
  const double centre = centres_[static_cast<size_t>(k)];
  if (axis_->is_categorical()) {
    return random.NextUniform() < smoothing_ ? axis_->Draw(random.NextUniform()) : centre;
  }
  for (int tries = 0; tries < 20; ++tries) {
    const double x = centre + widths_[static_cast<size_t>(k)] * random.NextNormal();
    if (x >= 0 && x <= 1) return axis_->Snap(x);
  }
  return axis_->Draw(random.NextUniform());  // next to never: half of a kernel is inside
}

void ParzenAxis::AddLogDensities(double x, Eigen::ArrayXd& sums) const {
  const Eigen::Index n = num_kernels();
  const double log_prior = std::log(axis_->PriorDensity(x));
  sums[n] += log_prior;
  if (!axis_->is_categorical()) {
    sums.head(n) += offsets_ - (x - shifts_).square() * scales_ + absent_ * log_prior;
    return;
  }
  // As densities, as everywhere: probabilities times the number of values.
  const double other = smoothing_ * axis_->PriorDensity(x);
  const double own = other + (1 - smoothing_) * static_cast<double>(axis_->num_values());
  const double log_other = std::log(other);
  const double log_own = std::log(own);
  for (Eigen::Index k = 0; k < n; ++k) {
    const double centre = centres_[static_cast<size_t>(k)];
    sums[k] += IsAbsent(centre) ? log_prior : centre == x ? log_own : log_other;
  }
}

double LogMeanExp(const Eigen::ArrayXd& logs) {
  const double largest = logs.maxCoeff();
  return largest + std::log((logs - largest).exp().mean());
}

}  // namespace tpsweep::server
