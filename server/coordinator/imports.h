// Warm start: what a study takes over from earlier ones (search.import_from).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/store/store.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// The best ended trials of the studies that `spec`, a complete one, imports from, with
// the paths of `spec`: what becomes Study.imported. kInvalidArgument, naming the
// field, if one of them is not there, has not ended, judges its trials differently, or
// has no parameter in common with `spec`.
absl::StatusOr<std::vector<v1::Trial>> ImportTrials(const Store& store, const v1::StudySpec& spec);

}  // namespace tpsweep::server
