// Which samples train, which choose hyperparameters and which test.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/data/data_set.h"

namespace tpsweep::trainer {

// 0..count-1 in an order that is a function of `key`.
std::vector<int32_t> Permutation(int64_t count, uint64_t key);

// Indices of samples. `train` and `validation` point into DataSet::train and
// share none; `test` points into DataSet::test.
struct Split {
  std::vector<int32_t> train;
  std::vector<int32_t> validation;
  std::vector<int32_t> test;
};

// The validation set is a function of `seed` and its size alone: it stays the
// same when fewer training samples are used. kInvalidArgument, with the field,
// if the data set has too few samples.
absl::StatusOr<Split> MakeSplit(const v1::Dataset& spec, const DataSet& data, uint64_t seed);

}  // namespace tpsweep::trainer
