// The regression tasks that a worker makes itself: samples of a random network
// (StudentTeacher, LinearRegression and NonlinearRegression in dataset.proto).
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/data_set.h"

namespace tpsweep::trainer {

// `spec` has a generator and is complete. Teacher and inputs are a function of the task's
// own seed: sample i is the same whatever the numbers of samples are (its targets up to
// rounding). The training samples are train + validation. kInvalidArgument, with the
// field, if teacher or samples would take too much memory.
absl::StatusOr<std::shared_ptr<const DataSet>> MakeGenerated(const v1::Dataset& spec);

}  // namespace tpsweep::trainer
