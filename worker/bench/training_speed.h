// How fast a spec trains on this machine, beside what its matrix products alone would
// take at the machine's rate of multiply-adds.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/training/known_data.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

struct TrainingSpeed {
  double seconds = 0;        // of an epoch: forward and feedback training, no evaluation
  double multiply_adds = 0;  // of its matrix products and solves
  double limit_seconds = 0;  // that they take at the least on the run's threads
  // Time over limit, both measured in turn; median and quartiles over the repetitions.
  double ratio = 0, low_quartile = 0, high_quartile = 0;
};

// Trains on `batches` mini-batches of random bytes in the shape of `like` (class labels or
// real-valued targets alike), once to warm up and then `repetitions` times, as the spec's
// schedule has it but without pre-training. Seconds and multiply-adds are those of an epoch
// of `epoch_samples`; where the spec leaves the number of threads open there is one. An error if
// the spec does not fit the data, or the training diverges.
absl::StatusOr<TrainingSpeed> MeasureTraining(v1::TrainingSpec spec, const DataShape& like,
                                              bool is_classification, int64_t batches,
                                              int repetitions, int64_t epoch_samples);

}  // namespace tpsweep
