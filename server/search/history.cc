#include "server/search/history.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "common/spec/ranking.h"

namespace tpsweep::server {

History::History(const SearchSpace& space, const v1::StudySpec& spec)
    : space_(space),
      dimensions_(static_cast<size_t>(space.size())),
      constraints_(spec.constraints()) {
  const auto sign = [](const v1::Objective& objective) {
    return objective.goal() == v1::GOAL_MAXIMIZE ? -1.0 : 1.0;
  };
  signs_.push_back(sign(spec.objective()));
  for (const v1::Objective& objective : spec.further_objectives()) {
    signs_.push_back(sign(objective));
  }
}

void History::Import(const v1::Trial& trial) {
  AddRow(trial);
  ++num_imported_;
  Measure(num_rows() - 1, trial);
}

void History::Add(const v1::Trial& trial) { AddRow(trial); }

void History::Tell(int64_t number, const v1::Trial& trial) {
  Measure(num_imported_ + static_cast<int>(number), trial);
}

void History::AddRow(const v1::Trial& trial) {
  const Point point = space_.ToPoint(trial.parameters());
  points_.insert(points_.end(), point.begin(), point.end());
  outcomes_.push_back(Outcome::kPending);
  objectives_.resize(objectives_.size() + signs_.size(), kAbsent);
  violations_.push_back(0);
}

void History::Measure(int row, const v1::Trial& trial) {
  Outcome& outcome = outcomes_[At(row)];
  if (outcome == Outcome::kMeasured || outcome == Outcome::kBad) --num_ended_;
  outcome = Outcome::kNone;
  if (trial.state() == v1::TRIAL_STATE_CANCELLED) return;
  ++num_ended_;
  outcome = Outcome::kBad;
  const bool is_good = trial.state() == v1::TRIAL_STATE_SUCCEEDED ||
                       trial.state() == v1::TRIAL_STATE_STOPPED ||
                       trial.state() == v1::TRIAL_STATE_ACTIVE;
  if (!is_good || !trial.has_objective()) return;
  std::vector<double> values = {trial.objective()};
  values.insert(values.end(), trial.further_objectives().begin(), trial.further_objectives().end());
  if (values.size() != signs_.size()) return;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return;
    objectives_[At(row) * signs_.size() + i] = signs_[i] * values[i];
  }
  const double violation = spec::Violation(constraints_, trial);
  if (std::isnan(violation)) return;
  violations_[At(row)] = violation;
  outcome = Outcome::kMeasured;
}

std::vector<int> History::Ranked() const {
  std::vector<int> rows;
  rows.reserve(static_cast<size_t>(num_ended_));
  for (int row = 0; row < num_rows(); ++row) {
    if (outcome(row) == Outcome::kMeasured || outcome(row) == Outcome::kBad) rows.push_back(row);
  }
  const auto key = [this](int row) {
    const bool is_bad = outcome(row) == Outcome::kBad;
    return std::tuple(is_bad, violation(row), is_bad ? 0 : objectives(row)[0], row);
  };
  std::sort(rows.begin(), rows.end(), [&key](int a, int b) { return key(a) < key(b); });
  return rows;
}

}  // namespace tpsweep::server
