// The types of all numbers in the trainer. S is float or double.
//
// Matrices are column-major and a sample is a column: activities of a layer are
// (n_l, B), weights (n_l, n_{l-1}).
#pragma once

#include <Eigen/Core>
#include <string>
#include <utility>

namespace tpsweep::trainer {

using Index = Eigen::Index;

template <class S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

// A matrix, or a block of its columns, owned by somebody else.
template <class S>
using MatrixRef = Eigen::Ref<Matrix<S>, 0, Eigen::OuterStride<>>;
template <class S>
using ConstMatrixRef = Eigen::Ref<const Matrix<S>, 0, Eigen::OuterStride<>>;

// A trained tensor and its gradient, of the same shape. Biases are (n, 1).
template <class S>
struct Parameter {
  std::string name;  // W1, b1, Q2, d2: the names of the golden cases and checkpoints
  int layer;         // 1..L, the layer whose learning rate it takes
  Matrix<S> value;
  Matrix<S> gradient;
  bool is_fixed = false;  // never stepped by an optimiser: fixed random feedback
};

// With a gradient of zero.
template <class S>
Parameter<S> MakeParameter(std::string name, int layer, Matrix<S> value) {
  Matrix<S> gradient = Matrix<S>::Zero(value.rows(), value.cols());
  return {std::move(name), layer, std::move(value), std::move(gradient), /*is_fixed=*/false};
}

}  // namespace tpsweep::trainer
