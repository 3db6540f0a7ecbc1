// validate.h with the single problems kept apart, for those who know more about
// where they come from (yaml.h: line and column).
#pragma once

#include "common/spec/problems.h"
#include "tpsweep/v1/study.pb.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::spec {

// `path`: where the spec stands, put before the names of its fields.
void Complete(v1::TrainingSpec& spec, const std::string& path, Problems& problems);
void Complete(v1::StudySpec& spec, Problems& problems);

}  // namespace tpsweep::spec
