// The presets that commands of the worker use themselves.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// The training spec of the preset `name`, as its one trial would have it, complete. Whoever
// changes it completes it again (common/spec/validate.h). kNotFound if there is no such preset.
absl::StatusOr<v1::TrainingSpec> PresetTraining(const std::string& name);

}  // namespace tpsweep
