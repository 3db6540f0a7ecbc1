// Makes steps from gradients: SGD with momentum, Adam and RMSprop, with PyTorch's
// formulas (bias correction, coupled weight decay; written out in training.proto).
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// A piece of state as a checkpoint knows it.
template <class S>
struct NamedTensor {
  std::string name;  // adam_m/W1, adam_v/W1, momentum/W1, rmsprop_v/W1, rmsprop_m/W1
  Matrix<S> value;
};

template <class S>
class Optimiser {
 public:
  // For `parameters` of a network of `num_layers` layers. Learning rates are
  // divided by `lr_divisor` (the target step size when the rate is normalised,
  // otherwise 1). Only parameters of `trained_layers` are ever changed; empty
  // means all. Fixed parameters never are. kInvalidArgument if a list of rates or epsilons has
  // neither one element nor one for each layer.
  static absl::StatusOr<Optimiser> Create(const v1::Optimiser& spec,
                                          absl::Span<const Parameter<S>> parameters, int num_layers,
                                          double lr_divisor, absl::Span<const int> trained_layers);

  // One step from the gradients, which are left as they are. `parameters` are those of Create, in
  // the same order. Null, or the first one that has a gradient that is not finite: the training
  // cannot go on then, since the step was made in part. (Looked at here, where gradients are read
  // anyway, and not before: large ones are not in the cache.)
  const Parameter<S>* Step(absl::Span<Parameter<S>> parameters);

  // The whole state, for checkpoints: steps made so far and the moments.
  int64_t num_steps() const { return num_steps_; }
  void set_num_steps(int64_t num_steps) { num_steps_ = num_steps; }
  absl::Span<NamedTensor<S>> state() { return absl::MakeSpan(state_); }
  absl::Span<const NamedTensor<S>> state() const { return state_; }

 private:
  struct Slot {
    size_t parameter;    // index into the parameters
    size_t first_state;  // index into state_
    double lr;
    double epsilon;
  };

  Optimiser() = default;

  v1::Optimiser spec_;
  int64_t num_steps_ = 0;
  std::vector<Slot> slots_;
  std::vector<NamedTensor<S>> state_;
};

}  // namespace tpsweep::trainer
