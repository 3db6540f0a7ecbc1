// What a measurement looks at: a network in the middle of a mini-batch.
#pragma once

#include "absl/types/span.h"
#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// After the rule has computed its update, and the feedback its own, and before the
// forward parameters step.
template <class S>
struct Subject {
  const Network<S>& network;  // its gradients are the updates of the rule
  const Pass<S>& pass;
  absl::Span<const Parameter<S>> feedback;
  // Of the feedback paths, by the layer they reconstruct from layer 1 on; empty if there are none.
  absl::Span<const double> feedback_losses;
};

}  // namespace tpsweep::trainer
