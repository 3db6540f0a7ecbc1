// The trials of one or several studies, grouped by the value of one field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/output.h"
#include "client/study_results.h"

namespace tpsweep::client {

struct TrialGroup {
  std::string label;  // the value, for people
  Json value;
  std::vector<const TrialResults*> trials;  // study by study, by number
};

struct TrialGroups {
  std::string path;                // of the field, in full
  std::vector<TrialGroup> groups;  // in the order of the choice that the space gives, if one
  int64_t trials_without = 0;      // trials in which the parameter does not exist
};

// `by`: a parameter that a study searches (its path, or its short name), or any field of
// StudySpec, which has one value for all trials of a study. The groups point into `studies`.
// kNotFound if it is neither; the message says what is searched.
absl::StatusOr<TrialGroups> GroupTrials(absl::Span<const StudyResults> studies,
                                        absl::string_view by);

// What the studies search, each path once.
std::vector<std::string> SearchedPaths(absl::Span<const StudyResults> studies);

// The first of the best (common/spec/ranking.h) of those that have succeeded with an
// objective; null if none has.
const TrialResults* BestOf(absl::Span<const TrialResults* const> trials, const v1::StudySpec& spec);

}  // namespace tpsweep::client
