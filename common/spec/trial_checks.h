// Whether the trials of a study will be legal.
#pragma once

#include "absl/types/span.h"
#include "common/spec/problems.h"
#include "common/spec/space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

// `training` with the assignments made and completed: every default and every check of
// a TrainingSpec. Problems name fields as training.forward.lr.
v1::TrainingSpec MakeTraining(const v1::TrainingSpec& training,
                              absl::Span<const v1::Assignment> assignments, Problems& problems);

// Makes a trial for every choice and both ends of every interval (not every
// combination of them) and reports what is illegal about it; in spaces of thousands
// of values, only for the first of them. Likewise for search.first. `spec` and its
// space have passed every other check.
void CheckTrials(const v1::StudySpec& spec, const Space& space, Problems& problems);

}  // namespace tpsweep::spec
