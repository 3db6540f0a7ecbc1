// The exact loss and error of a network on a set of samples.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/network.h"
#include "worker/trainer/run/batches.h"

namespace tpsweep::trainer {

struct Evaluation {
  double loss = 0;   // mean over the samples
  double error = 0;  // fraction of the samples
  // Mean over mini-batches of the fraction within each: the last, short one weighs
  // as much as the others. What the authors of [TF] report.
  double error_batch_mean = 0;
};

// Samples `indices` of `samples`, at least one, in mini-batches of `batch_size` as
// far as error_batch_mean goes. Passes are made in the precision of the network,
// sums in double.
template <class S>
Evaluation Evaluate(const Network<S>& network, v1::Loss loss, const Batches<S>& batches,
                    int64_t batch_size, const Samples& samples, absl::Span<const int32_t> indices);

}  // namespace tpsweep::trainer
