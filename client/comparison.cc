#include "client/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/spec_differences.h"
#include "client/values.h"
#include "common/names.h"
#include "common/spec/ranking.h"
#include "common/spec/text.h"
#include "common/statistics/expected_best.h"
#include "common/statistics/holm.h"
#include "common/statistics/interquartile_mean.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

// What validation/error is on the test set: test/error.
std::string TwinOnTestSet(const std::string& objective) {
  return absl::StrReplaceAll(objective, {{"validation", "test"}, {"train", "test"}});
}

bool HaveSameConstraints(const v1::StudySpec& a, const v1::StudySpec& b) {
  return std::equal(a.constraints().begin(), a.constraints().end(), b.constraints().begin(),
                    b.constraints().end(), [](const v1::Constraint& x, const v1::Constraint& y) {
                      return x.metric() == y.metric() && x.at_most() == y.at_most();
                    });
}

absl::Status CheckObjectives(absl::Span<const StudyResults> studies) {
  const v1::Objective& first = studies[0].study.spec().objective();
  for (const StudyResults& study : studies) {
    const v1::Objective& other = study.study.spec().objective();
    if (other.metric() == first.metric() && other.goal() == first.goal()) {
      if (HaveSameConstraints(studies[0].study.spec(), study.study.spec())) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "the studies ", BareName(studies[0].study.name()), " and ", BareName(study.study.name()),
          " have different constraints; only groups that were tuned for the same can be "
          "compared"));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "the studies have different objectives: ", first.metric(), " (",
        v1::Goal_Name(first.goal()), ") in ", BareName(studies[0].study.name()), ", ",
        other.metric(), " (", v1::Goal_Name(other.goal()), ") in ", BareName(study.study.name()),
        "; only groups that were tuned for the same can be compared"));
  }
  return absl::OkStatus();
}

absl::Status CheckNamedOnce(absl::Span<const StudyResults> studies) {
  std::set<std::string> names;
  for (const StudyResults& study : studies) {
    if (names.insert(study.study.name()).second) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("study ", BareName(study.study.name()), " is named twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckMetric(absl::Span<const StudyResults> studies, const std::string& metric) {
  std::set<std::string> names;
  for (const StudyResults& study : studies) {
    const std::vector<std::string> reported = ReportedMetrics(study);
    names.insert(reported.begin(), reported.end());
  }
  if (names.contains(metric)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--metric ", metric, ": no run reports it",
                   spec::LegalNames(metric, {names.begin(), names.end()})));
}

absl::StatusOr<size_t> FindBaseline(absl::Span<const TrialGroup> groups,
                                    const std::string& baseline) {
  if (baseline.empty()) return 0;
  std::vector<std::string> labels;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].label == baseline) return i;
    labels.push_back(groups[i].label);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--baseline ", baseline, ": no such group", spec::LegalNames(baseline, labels)));
}

// Whether the trial has an objective, and breaks no constraint: one that does is no choice.
bool IsValued(const Comparison& comparison, const TrialResults& trial) {
  return trial.trial.has_objective() && std::isfinite(trial.trial.objective()) &&
         spec::Violation(comparison.spec.constraints(), trial.trial) == 0;
}

void Count(const Comparison& comparison, ComparedGroup& group) {
  for (const TrialResults* trial : group.trials.trials) {
    if (trial->trial.state() == v1::TRIAL_STATE_ACTIVE) {
      ++group.open;
      continue;
    }
    if (trial->trial.state() == v1::TRIAL_STATE_CANCELLED) {
      ++group.cancelled;
      continue;
    }
    ++group.tried;
    group.valued += IsValued(comparison, *trial);
    group.breaking += spec::Violation(comparison.spec.constraints(), trial->trial) > 0;
    for (const v1::Run& run : trial->runs) {
      ++group.runs;
      group.infeasible_runs += run.state() == v1::RUN_STATE_INFEASIBLE;
      group.failed_runs += run.state() == v1::RUN_STATE_FAILED;
      group.seconds += run.latest().wall_seconds();
    }
  }
}

void DescribeBest(const Comparison& comparison, ComparedGroup& group) {
  std::vector<const TrialResults*> candidates;
  for (const TrialResults* trial : group.trials.trials) {
    if (trial->trial.state() == v1::TRIAL_STATE_SUCCEEDED && IsValued(comparison, *trial)) {
      candidates.push_back(trial);
    }
  }
  group.best = BestOf(candidates, comparison.spec);
  if (group.best == nullptr) return;
  for (const TrialResults* trial : candidates) {
    if (trial != group.best && trial->trial.objective() == group.best->trial.objective()) {
      group.tied.push_back(trial->trial.number());
    }
  }
  for (const v1::Run& run : group.best->runs) {
    const auto scalar = run.latest().scalars().find(comparison.metric);
    if (run.state() != v1::RUN_STATE_SUCCEEDED || scalar == run.latest().scalars().end() ||
        !std::isfinite(scalar->second)) {
      continue;
    }
    group.seeds.push_back(run.seed());
    group.values.push_back(scalar->second);
  }
  group.interval = statistics::StudentInterval(group.values, kConfidence);
  if (group.values.empty()) return;
  group.interquartile_mean = statistics::InterquartileMean(group.values);
  if (group.values.size() < 2) return;
  // The best trial is one task: one stratum. A seed of its own: the same study gives the
  // same interval.
  group.interquartile_interval =
      statistics::InterquartileMeanInterval({{group.values}}, kConfidence, 1);
}

// What a trial without an objective counts as in an expectation, which needs a number: the
// worst objective of any group, and so the same for all of them.
double WorstObjective(const Comparison& comparison, double sign) {
  double worst = -std::numeric_limits<double>::infinity();
  for (const ComparedGroup& group : comparison.groups) {
    for (const TrialResults* trial : group.trials.trials) {
      if (IsValued(comparison, *trial)) worst = std::max(worst, sign * trial->trial.objective());
    }
  }
  return worst;
}

void AddTuningCurves(Comparison& comparison) {
  const double sign = comparison.spec.objective().goal() == v1::GOAL_MAXIMIZE ? -1 : 1;
  const double worst = WorstObjective(comparison, sign);
  for (ComparedGroup& group : comparison.groups) {
    if (group.best == nullptr) continue;
    std::vector<double> values, or_worst;
    for (const TrialResults* trial : group.trials.trials) {
      if (trial->trial.state() == v1::TRIAL_STATE_ACTIVE ||
          trial->trial.state() == v1::TRIAL_STATE_CANCELLED) {
        continue;
      }
      const bool has_value = IsValued(comparison, *trial);
      const double value = sign * trial->trial.objective();
      values.push_back(has_value ? value : std::numeric_limits<double>::infinity());
      or_worst.push_back(has_value ? value : worst);
    }
    group.expected_best = statistics::ExpectedBest(or_worst);
    group.best_band = statistics::MedianBestBand(values, kConfidence);
    if (sign > 0) continue;
    for (double& value : group.expected_best) value = -value;
    for (statistics::Interval& band : group.best_band) band = {-band.high, -band.low};
  }
}

std::set<uint64_t> PlannedSeeds(const TrialResults& trial) {
  std::set<uint64_t> seeds;
  for (const v1::Run& run : trial.runs) seeds.insert(run.seed());
  return seeds;
}

// The values of a and b whose runs had the same seed.
std::pair<std::vector<double>, std::vector<double>> Pairs(const ComparedGroup& a,
                                                          const ComparedGroup& b) {
  std::pair<std::vector<double>, std::vector<double>> pairs;
  for (size_t i = 0; i < a.seeds.size(); ++i) {
    const auto same = std::find(b.seeds.begin(), b.seeds.end(), a.seeds[i]);
    if (same == b.seeds.end()) continue;
    pairs.first.push_back(a.values[i]);
    pairs.second.push_back(b.values[static_cast<size_t>(same - b.seeds.begin())]);
  }
  return pairs;
}

Contrast MakeContrast(const Comparison& comparison, size_t at) {
  const ComparedGroup& group = comparison.groups[at];
  const ComparedGroup& baseline = comparison.groups[comparison.baseline];
  Contrast contrast;
  contrast.group = at;
  if (group.best == nullptr || baseline.best == nullptr) return contrast;
  contrast.is_paired = PlannedSeeds(*group.best) == PlannedSeeds(*baseline.best);
  if (contrast.is_paired) {
    const auto [a, b] = Pairs(group, baseline);
    contrast.test = statistics::PairedTTest(a, b, kConfidence);
    contrast.ranks = statistics::SignedRankTest(a, b);
  } else {
    contrast.test = statistics::WelchTest(group.values, baseline.values, kConfidence);
    contrast.ranks = statistics::MannWhitneyTest(group.values, baseline.values);
  }
  return contrast;
}

void AddContrasts(Comparison& comparison) {
  std::vector<double> p_values;
  for (size_t i = 0; i < comparison.groups.size(); ++i) {
    if (i == comparison.baseline) continue;
    comparison.contrasts.push_back(MakeContrast(comparison, i));
    if (comparison.contrasts.back().test) {
      p_values.push_back(comparison.contrasts.back().test->p_value);
    }
  }
  const std::vector<double> adjusted = statistics::HolmAdjusted(p_values);
  size_t tested = 0;
  for (Contrast& contrast : comparison.contrasts) {
    if (contrast.test) contrast.adjusted_p = adjusted[tested++];
  }
}

}  // namespace

absl::StatusOr<Comparison> Compare(absl::Span<const StudyResults> studies,
                                   const ComparisonOptions& options) {
  TP_RETURN_IF_ERROR(CheckNamedOnce(studies));
  TP_RETURN_IF_ERROR(CheckObjectives(studies));
  absl::StatusOr<TrialGroups> grouped = GroupTrials(studies, options.by);
  if (!grouped.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--by ", grouped.status().message()));
  }
  const v1::Objective& objective = studies[0].study.spec().objective();
  Comparison comparison;
  comparison.by = grouped->path;
  comparison.objective = objective.metric();
  comparison.spec = studies[0].study.spec();
  comparison.metric = options.metric.empty() ? TwinOnTestSet(objective.metric()) : options.metric;
  comparison.trials_without = grouped->trials_without;
  comparison.num_studies = studies.size();
  for (const TrialGroup& group : grouped->groups) {
    ComparedGroup& compared = comparison.groups.emplace_back();
    compared.trials = group;
    Count(comparison, compared);
  }
  const auto has_value = [](const ComparedGroup& group) { return group.valued > 0; };
  if (std::none_of(comparison.groups.begin(), comparison.groups.end(), has_value)) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing to compare: no trial that has ended has a finite ",
                     comparison.objective, ", the objective",
                     comparison.spec.constraints().empty() ? "" : ", and keeps the constraints"));
  }
  if (comparison.groups.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("--by ", options.by, ": every trial has ",
                                                   comparison.groups[0].trials.label,
                                                   ", and one group cannot be compared; searched: ",
                                                   absl::StrJoin(SearchedPaths(studies), ", ")));
  }
  TP_RETURN_IF_ERROR(CheckMetric(studies, comparison.metric));
  TP_ASSIGN_OR_RETURN(comparison.baseline, FindBaseline(grouped->groups, options.baseline));
  for (ComparedGroup& group : comparison.groups) {
    DescribeBest(comparison, group);
    if (group.best == nullptr) continue;
    comparison.equal_trials =
        comparison.equal_trials == 0 ? group.tried : std::min(comparison.equal_trials, group.tried);
  }
  AddTuningCurves(comparison);
  AddContrasts(comparison);
  std::set<std::string> samplers;
  for (const StudyResults& study : studies) {
    const std::string sampler = LearningSampler(study.study.spec());
    if (!sampler.empty()) samplers.insert(sampler);
  }
  comparison.samplers.assign(samplers.begin(), samplers.end());
  comparison.differences = SpecDifferences(studies, comparison.by);
  return comparison;
}

std::string StudyOf(const TrialResults& trial) {
  const absl::StatusOr<TrialName> name = ParseTrialName(trial.trial.name());
  return name.ok() ? name->study : "";
}

std::string TrialText(const Comparison& comparison, const TrialResults& trial) {
  const std::string number = absl::StrCat(trial.trial.number());
  return comparison.num_studies == 1 ? number : absl::StrCat(StudyOf(trial), "/", number);
}

}  // namespace tpsweep::client
