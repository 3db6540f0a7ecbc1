// The results of a study as tables: by trial, by run, and by the value of one
// parameter.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/output.h"
#include "client/study_results.h"

namespace tpsweep::client {

// One line a trial: mean ± sample standard deviation over its succeeded runs.
Listing TrialTable(const StudyResults& results);

// One line a run.
Listing RunTable(const StudyResults& results);

// One line for each epoch of each trial: mean ± sample standard deviation over the
// runs that reached it, whether they ended well or not. `results` has its history.
Listing EpochTable(const StudyResults& results);

// One line for each value of the parameter `path` (or its short name): its best
// trial by the objective, with what else was chosen for it. kInvalidArgument if
// the study does not search it; the message says what it searches.
absl::StatusOr<Listing> GroupTable(const StudyResults& results, absl::string_view path);

// "rule=dtp lr=0.00026 sigma=0.27", without the parameters in `but`.
std::string ChoiceText(const v1::Trial& trial, absl::Span<const std::string> but = {});

}  // namespace tpsweep::client
