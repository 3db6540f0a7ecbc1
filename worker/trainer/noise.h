// The random draws that corrupt activities when feedback weights learn.
#pragma once

#include <cstdint>

#include "worker/trainer/learning_rule.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// Normal numbers that are a pure function of (key, step, layer,
// position): nothing to save in a checkpoint but the step. The same numbers, up
// to rounding, in float and double.
template <class S>
class CounterNoise final : public NoiseSource<S> {
 public:
  explicit CounterNoise(uint64_t key) : key_(key) {}
  // Call before every feedback update, with a number that is never used twice.
  void set_step(uint64_t step) { step_ = step; }
  void Fill(int layer, S sigma, MatrixRef<S> out) override;

 private:
  uint64_t key_;
  uint64_t step_ = 0;
};

}  // namespace tpsweep::trainer
