// The comparison of groups of trials, as docs/statistics.md has it: for each group its best
// trial by the objective, what the seeds of that trial say about a metric, and what n trials
// of the group may be expected to reach; and each group against one of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/study_results.h"
#include "client/trial_groups.h"
#include "common/statistics/rank_tests.h"
#include "common/statistics/summary.h"
#include "common/statistics/t_tests.h"

namespace tpsweep::client {

// Of every interval.
inline constexpr double kConfidence = 0.95;
// The significance level that the notes go by.
inline constexpr double kSignificance = 0.05;

struct ComparisonOptions {
  std::string by = "";        // what makes the groups
  std::string baseline = "";  // value of the group to compare with; empty: the first
  std::string metric = "";    // of the best trials; empty: the objective's twin on the test set
};

struct ComparedGroup {
  TrialGroup trials;
  // Trials that count as tried: ended, and not cancelled; and those of them that have an
  // objective and break no constraint.
  int64_t tried = 0, valued = 0;
  int64_t breaking = 0;   // trials that have one, and break a constraint
  int64_t open = 0;       // trials that have not ended
  int64_t cancelled = 0;  // trials
  // Runs of the tried trials, and how those that did not succeed have ended.
  int64_t runs = 0, infeasible_runs = 0, failed_runs = 0;
  double seconds = 0;  // wall time of these runs, added up

  const TrialResults* best = nullptr;  // null: no trial is valued
  std::vector<int64_t> tied;           // other trials as good as the best
  // Of the best: its succeeded runs that have a finite value of the metric.
  std::vector<uint64_t> seeds;
  std::vector<double> values;
  std::optional<statistics::Interval> interval;  // of the mean
  std::optional<double> interquartile_mean;
  std::optional<statistics::Interval> interquartile_interval;

  // Entry n-1: the best objective after n trials, expected, and the band of its median.
  std::vector<double> expected_best;
  std::vector<statistics::Interval> best_band;
};

// A group against the baseline.
struct Contrast {
  size_t group = 0;
  bool is_paired = false;  // the runs of both best trials have the same seeds
  std::optional<statistics::TTest> test;
  std::optional<statistics::RankTest> ranks;
  std::optional<double> adjusted_p;  // of `test`, after Holm
};

struct Comparison {
  std::string by;         // path of the field
  std::string objective;  // metric
  v1::StudySpec spec;     // of the first study: all have its objective and constraints
  std::string metric;
  std::vector<ComparedGroup> groups;
  size_t baseline = 0;
  std::vector<Contrast> contrasts;
  int64_t equal_trials = 0;  // the trials that every group with an objective has tried
  int64_t trials_without = 0;
  std::vector<std::string> samplers;     // that learn from earlier trials
  std::vector<std::string> differences;  // fields in which the studies differ besides
  size_t num_studies = 1;
};

// `studies`, one or more, must outlive the result. kInvalidArgument (names the flag and what
// is legal): `by` leads nowhere or makes one group only, no such baseline, no run reports the
// metric, a study is given twice, the studies have different objectives. kFailedPrecondition: no
// trial has an objective yet.
absl::StatusOr<Comparison> Compare(absl::Span<const StudyResults> studies,
                                   const ComparisonOptions& options);

// The study of a trial, by its bare name.
std::string StudyOf(const TrialResults& trial);

// "3", or "other-study/3" where there are several studies.
std::string TrialText(const Comparison& comparison, const TrialResults& trial);

}  // namespace tpsweep::client
