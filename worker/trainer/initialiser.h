// Initial weights.
#pragma once

#include <cstdint>

#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Fills `weights` (n, fan_in) from the random stream `key`. Drawn in double, so that
// float and double runs start from the same numbers.
//   fan_out   what a unit below reaches: n in a dense layer, n K K in a convolution.
//             The kernels of a convolution are (n, C_in K K).
template <class S>
void Initialise(const v1::Network& spec, uint64_t key, Matrix<S>& weights, Index fan_out);

// Of a feedback matrix: fan_out is the number of rows, and `teacher` is xavier_normal.
template <class S>
void InitialiseFeedback(const v1::Network& spec, uint64_t key, Matrix<S>& weights);

}  // namespace tpsweep::trainer
