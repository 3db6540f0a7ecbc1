// The linear half of a convolutional layer: convolution (cross-correlation), bias,
// max-pool. Matrix products on patches (im2col), one sample at a time.
//
// Activations are monotone, so the max-pool may come before them: with
//   map = W * h_below + b,   a = pool(map),   h = s(a)
// h is what pool(s(map)) is, a and h have one shape, (n_l, B), as in a dense layer,
// and rules need not know of pooling. A sample is a column; its units are ordered
// channel by channel, row by row (common/training/layer_shapes.h).
//
//   W     (C_out, C_in K K)   row: one kernel, ordered channel, row, column
//   map   (C_out H W)         of one sample, before the pool; never kept
//   where (n_l, B)            for each unit of a, the unit of map that it came from:
//                             the first of the largest in its window. Not-a-number
//                             wins, so that it is not lost.
#pragma once

#include <cstdint>

#include "common/training/layer_shapes.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

using PoolOrigins = Eigen::Matrix<int32_t, Eigen::Dynamic, Eigen::Dynamic>;

// Any number of columns. `b` (C_out, 1) may be null. `where` is given its shape, and is
// null if nobody asks; without a pool (geometry.pool is 1) a is the map, and it is
// left empty.
template <class S>
void ConvForward(const ConvGeometry& geometry, const Matrix<S>& w, const Matrix<S>* b,
                 const ConstMatrixRef<S>& h_below, PoolOrigins* where, MatrixRef<S> a);

// From delta = d loss / d a (n_l, B) of that pass: the gradients of W and, unless null, of b.
template <class S>
void ConvGradient(const ConvGeometry& geometry, const ConstMatrixRef<S>& delta,
                  const PoolOrigins& where, const ConstMatrixRef<S>& h_below, Matrix<S>& grad_w,
                  Matrix<S>* grad_b);

// dh_below = d loss / d h_below from delta. Both may have several times the columns of
// `where`: column j then belongs to sample j mod B.
template <class S>
void ConvBackward(const ConvGeometry& geometry, const Matrix<S>& w, const ConstMatrixRef<S>& delta,
                  const PoolOrigins& where, MatrixRef<S> dh_below);

}  // namespace tpsweep::trainer
