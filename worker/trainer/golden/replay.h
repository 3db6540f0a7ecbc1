// Computes a golden case again, with the trainer's own networks, rules and optimisers.
#pragma once

#include "absl/status/statusor.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/golden/golden_case.h"

namespace tpsweep::trainer {

// Starts from the recorded parameters, uses the recorded batches and noise, makes
// the recorded number of steps in S (float or double), and returns every tensor that
// was computed, in float64 and under the names of the case. kInvalidArgument if a tensor
// that is needed is missing or has another shape.
template <class S>
absl::StatusOr<SafetensorsFile> Replay(const GoldenCase& golden_case,
                                       const SafetensorsFile& recorded);

}  // namespace tpsweep::trainer
