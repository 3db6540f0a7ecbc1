// How many feedback weights a rule makes, from its spec alone.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// Weights of the feedback path to each hidden layer 1..L-1, for the widths n_0..n_L;
// empty for rules without feedback weights. The path of dtp and dtpdrl to layer l is
// Q_{l+1}, that of fa, ndi and di B_{l+1}. Without biases, and without the random layer that the
// paths of ddtp_rhl share. As doubles: the numbers may be absurd.
std::vector<double> FeedbackWeights(const v1::TrainingSpec& spec, absl::Span<const int64_t> widths);

}  // namespace tpsweep
