// What objectives and constraints may name: the measurements that runs report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/spec/problems.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

// The metrics of a study in the order in which trials record them: the objective,
// further_objectives, constraints.
std::vector<std::string> MetricsOf(const v1::StudySpec& spec);

// `layer/bp_angle_weight[2]` in its parts; nothing for the name of a scalar.
struct VectorEntry {
  std::string vector;
  int layer;  // counted from 1
};
std::optional<VectorEntry> ParseEntry(absl::string_view metric);

// Each metric is one that some run could report, and none is there twice.
void CheckObjectives(const v1::StudySpec& spec, Problems& problems);

// What is legal, but a user should know: that a sweep is tuned on the test set.
std::vector<std::string> Remarks(const v1::StudySpec& spec);

// A run of `training` will report every metric, as far as that can be known.
void CheckMeasured(const v1::StudySpec& spec, const v1::TrainingSpec& training, Problems& problems);

}  // namespace tpsweep::spec
