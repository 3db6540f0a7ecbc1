// What targets and reconstruction losses share: both evaluate the feedback at the activities of
// the forward pass, with the same feedback weights. A rule keeps the one of ComputeUpdate, and the
// ComputeFeedbackUpdate that follows takes it, once: after that the weights are others.
#pragma once

#include <cstdint>
#include <utility>

#include "worker/trainer/network.h"

namespace tpsweep::trainer {

template <class S>
class CleanEvaluation {
 public:
  void Keep(const Pass<S>& pass) {
    pass_ = &pass;
    number_ = pass.number;
  }
  // Whether there is one of this forward pass.
  bool Take(const Pass<S>& pass) {
    return std::exchange(pass_, nullptr) == &pass && number_ == pass.number;
  }

 private:
  const Pass<S>* pass_ = nullptr;
  int64_t number_ = 0;
};

}  // namespace tpsweep::trainer
