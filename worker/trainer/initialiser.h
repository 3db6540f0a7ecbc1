// Initial weights.
#pragma once

#include <cstdint>

#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Fills `weights` (fan_out, fan_in) from the random stream `key`. Drawn in double,
// so that float and double runs start from the same numbers.
template <class S>
void Initialise(v1::Initialiser kind, uint64_t key, Matrix<S>& weights);

}  // namespace tpsweep::trainer
