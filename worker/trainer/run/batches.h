// Makes mini-batches from the samples of a data set.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/data_set.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// One batch: a sample is a column.
template <class S>
struct Batch {
  Matrix<S> x;              // (n_0, B) inputs
  std::vector<int> labels;  // B; empty for regression
  Matrix<S> y;              // (targets, B) of the first outputs
};

// Whether there are classes to be wrong about.
bool HasClasses(const v1::TrainingSpec& spec, const DataSet& data);
// Outputs with a target: classes, or real-valued targets, or the inputs of an autoencoder.
int64_t NumTargets(const v1::TrainingSpec& spec, const DataSet& data);

// kInvalidArgument, with the field, if the set has not what `spec` asks of it: classes
// for the loss cross_entropy, pixel bytes for a normalisation.
absl::Status CheckSpecFitsData(const v1::TrainingSpec& spec, const DataSet& data);

// Immutable after construction; `data` must outlive it.
template <class S>
class Batches {
 public:
  Batches(const v1::TrainingSpec& spec, const DataSet& data);

  // The samples of `samples`, a half of the data set, at `indices`.
  void Gather(const Samples& samples, absl::Span<const int32_t> indices, Batch<S>& batch) const;

 private:
  // One sample: pixel bytes are normalised, numbers used as they are.
  void Convert(const uint8_t* sample, int64_t width, S* x) const;
  template <class T>
  void Convert(const T* sample, int64_t width, S* x) const;

  const DataSet& data_;
  const bool learns_inputs_;
  S scale_, offset_;  // which normalise pixel bytes
  double target_height_;
};

}  // namespace tpsweep::trainer
