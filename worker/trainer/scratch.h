// Memory for a matrix that holds for a moment. It grows to the largest and then stays: steps do
// not allocate, and layer after layer finds it in the cache.
#pragma once

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

template <class S>
class Scratch {
 public:
  // Of whatever numbers; until the next call.
  MatrixRef<S> Get(Index rows, Index cols) {
    if (numbers_.size() < rows * cols) numbers_.resize(rows * cols, 1);
    return Eigen::Map<Matrix<S>>(numbers_.data(), rows, cols);
  }

 private:
  Matrix<S> numbers_;
};

}  // namespace tpsweep::trainer
