// The measurement that a run reports after an epoch (training_run.h lists its names).
#pragma once

#include <cstdint>

#include "tpsweep/v1/measurement.pb.h"
#include "worker/trainer/network.h"
#include "worker/trainer/run/epoch_statistics.h"
#include "worker/trainer/run/selection.h"

namespace tpsweep::trainer {

// The running values of an epoch of `num_train` samples in `num_batches` mini-batches.
Evaluation TrainEvaluation(const EpochStatistics& statistics, int64_t num_train,
                           int64_t num_batches);

// Scalars and vectors; the caller says which epoch and step it is. `selection`
// already knows of `scores`.
template <class S>
v1::Measurement MeasureEpoch(const Network<S>& network, const EpochScores& scores,
                             const Selection& selection, const EpochStatistics& statistics,
                             int64_t num_train);

}  // namespace tpsweep::trainer
