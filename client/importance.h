// Which hyperparameters of a study matter: permutation importance over a random forest that
// has learnt from the trials how good a configuration is (docs/statistics.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/study_results.h"
#include "common/statistics/permutation_importance.h"

namespace tpsweep::client {

// A forest that explains less of the variance than this does not predict.
inline constexpr double kPoorFit = 0.25;
inline constexpr int64_t kFewestTrials = 10;

struct ParameterImportance {
  std::string path;
  std::string scale;   // as the forest sees it: linear, log, categories
  int64_t trials = 0;  // in which the parameter exists
  statistics::Importance importance;
};

struct StudyImportance {
  std::string study;  // bare name
  std::string metric;
  int64_t trials = 0;                           // that the forest learnt from
  int64_t without_value = 0;                    // of them, with the worst rank
  int64_t open = 0;                             // trials that have not ended
  double r_squared = 0;                         // out of bag
  std::string sampler;                          // if it learns from earlier trials
  std::vector<ParameterImportance> parameters;  // the most important first
};

// Of the mean of `metric` over the succeeded runs of each trial; empty: of the objective.
// The forest learns ranks, so that one trial that is far off does not count for more than
// another; trials that ended without a value have the worst. kInvalidArgument: no run reports
// the metric. kFailedPrecondition: the study searches nothing, has fewer than kFewestTrials
// ended trials, or all of them are equally good.
absl::StatusOr<StudyImportance> ImportanceOf(const StudyResults& results,
                                             const std::string& metric);

}  // namespace tpsweep::client
