#include "common/spec/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tpsweep::spec {

double Violation(const Constraints& constraints, const v1::Trial& trial) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  if (trial.constraints_size() < constraints.size()) return kUnknown;
  double sum = 0;
  for (int i = 0; i < constraints.size(); ++i) {
    const double value = trial.constraints(i), bound = constraints[i].at_most();
    if (!std::isfinite(value)) return kUnknown;
    sum += std::max(0.0, value - bound) / std::max(1e-12, std::abs(bound));
  }
  return sum;
}

Rank RankOf(const v1::StudySpec& spec, const v1::Trial& trial) {
  const double violation = Violation(spec.constraints(), trial);
  if (!trial.has_objective() || std::isnan(trial.objective()) || std::isnan(violation)) {
    return {true, 0, 0};
  }
  const double sign = spec.objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1;
  return {false, violation, sign * trial.objective()};
}

}  // namespace tpsweep::spec
