// What must hold between the fields of a TrainingSpec, beyond the rules of each.
#pragma once

#include <string>

#include "common/spec/problems.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::spec {

// `spec` has passed the rules of its fields and has every default; it stands at
// `path` ("training", or nothing).
void CheckTraining(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);

// Defaults that depend on other fields.
void FillDerivedDefaults(v1::TrainingSpec& spec);

}  // namespace tpsweep::spec
