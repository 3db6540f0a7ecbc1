// All that a study has found, grouped by trial, and its statistics.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

struct TrialResults {
  v1::Trial trial;
  std::vector<v1::Run> runs;  // by replicate
};

struct StudyResults {
  v1::Study study;
  std::vector<TrialResults> trials;  // by number
  // By run name: the measurements of its latest attempt, those of epochs, by epoch, and
  // those of single mini-batches, in order. Empty if not asked for.
  std::map<std::string, std::vector<v1::Measurement>> history;
  std::map<std::string, std::vector<v1::Measurement>> step_measurements;
};

// Mean and sample standard deviation (of two values or more).
struct Spread {
  double mean;
  std::optional<double> deviation;
};
std::optional<Spread> SpreadOf(absl::Span<const double> values);

// What the run measured last of a scalar, or of an entry of a vector that the study is
// after (layer/bp_angle_weight[2]).
std::optional<double> MetricOf(const v1::Run& run, absl::string_view metric);

// Over the succeeded runs of a trial that have the metric.
std::optional<Spread> SpreadOf(const TrialResults& trial, absl::string_view metric);
// Wall time of a run, over the same runs.
std::optional<Spread> SecondsOf(const TrialResults& trial);

// "0.1234 ± 0.0021", "0.1234", or "-".
std::string SpreadText(const std::optional<Spread>& spread);

// The scalars that any run reports, by name.
std::vector<std::string> ReportedMetrics(const StudyResults& results);

// The name of the study's sampler if it learns from earlier trials; else empty.
std::string LearningSampler(const v1::StudySpec& spec);

// Null if the trial does not have the parameter.
const google::protobuf::Value* FindParameter(const v1::Trial& trial, absl::string_view path);

}  // namespace tpsweep::client
