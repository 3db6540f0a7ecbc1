#include "worker/trainer/conv.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "worker/trainer/gemm.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

// Gradients are summed in this many parts, one after the other within a part.
constexpr Index kGradientShards = 8;

// What a thread works in; kept, so that steps do not allocate.
template <class S>
struct Scratch {
  Matrix<S> patches;  // (H W, C_in K K): the inputs of each unit of one channel of the map
  Matrix<S> map;      // (H W, C_out): one sample's map, or its gradient
};

template <class S>
Scratch<S>& ScratchOf(const ConvGeometry& g) {
  thread_local Scratch<S> scratch;
  scratch.patches.resize(g.map.height * g.map.width, g.patch_size());
  scratch.map.resize(g.map.height * g.map.width, g.map.channels);
  return scratch;
}

// Calls row(patch column, first unit of the map's row, first unit of the input's row,
// first x, end of x) for every row of every patch column; positions outside [first x,
// end of x) read the padding. A whole row of padding has an empty range.
template <class Row>
void ForPatchRows(const ConvGeometry& g, Row row) {
  Index column = 0;
  for (Index c = 0; c < g.input.channels; ++c) {
    for (Index ky = 0; ky < g.kernel; ++ky) {
      for (Index kx = 0; kx < g.kernel; ++kx, ++column) {
        // x * stride + kx - padding in [0, width).
        const Index offset = kx - g.padding;
        const Index first =
            std::min(g.map.width, offset >= 0 ? 0 : (-offset + g.stride - 1) / g.stride);
        const Index past = g.input.width - offset;  // x * stride must be below it
        const Index end = past <= 0 ? 0 : std::min(g.map.width, (past + g.stride - 1) / g.stride);
        for (Index y = 0; y < g.map.height; ++y) {
          const Index in_y = y * g.stride + ky - g.padding;
          const bool is_inside = in_y >= 0 && in_y < g.input.height;
          const Index in_row = (c * g.input.height + in_y) * g.input.width + offset;
          row(column, y * g.map.width, in_row, is_inside ? first : 0,
              is_inside ? std::max(first, end) : 0);
        }
      }
    }
  }
}

template <class S>
void GatherPatches(const ConvGeometry& g, const S* input, Matrix<S>& patches) {
  ForPatchRows(g, [&](Index column, Index out, Index in, Index first, Index end) {
    S* to = patches.col(column).data() + out;
    std::fill(to, to + first, S{0});
    if (g.stride == 1) {
      std::copy(input + in + first, input + in + end, to + first);
    } else {
      for (Index x = first; x < end; ++x) to[x] = input[in + x * g.stride];
    }
    std::fill(to + end, to + g.map.width, S{0});
  });
}

// The transpose of GatherPatches: adds up what each input gave to the patches.
template <class S>
void ScatterPatches(const ConvGeometry& g, const Matrix<S>& patches, S* input) {
  std::fill(input, input + g.input.size(), S{0});
  ForPatchRows(g, [&](Index column, Index out, Index in, Index first, Index end) {
    const S* from = patches.col(column).data() + out;
    for (Index x = first; x < end; ++x) input[in + x * g.stride] += from[x];
  });
}

// The first of the largest, or a not-a-number.
template <class S>
void MaxPool(const ConvGeometry& g, const S* map, int32_t* where, S* pooled) {
  for (Index c = 0; c < g.map.channels; ++c) {
    for (Index y = 0; y < g.pooled.height; ++y) {
      const Index top = y * g.pool_stride - g.pool_padding;
      for (Index x = 0; x < g.pooled.width; ++x) {
        const Index left = x * g.pool_stride - g.pool_padding;
        Index best = -1;
        for (Index v = std::max<Index>(0, top); v < std::min(g.map.height, top + g.pool); ++v) {
          const Index row = (c * g.map.height + v) * g.map.width;
          for (Index u = std::max<Index>(0, left); u < std::min(g.map.width, left + g.pool); ++u) {
            if (best < 0 || map[row + u] > map[best] || std::isnan(map[row + u])) best = row + u;
          }
        }
        *where++ = static_cast<int32_t>(best);
        *pooled++ = map[best];
      }
    }
  }
}

// The gradient of the map from that of a, in the scratch matrix (H W, C_out).
template <class S>
void Unpool(const ConvGeometry& g, const S* delta, const int32_t* where, Matrix<S>& map) {
  if (g.pool == 1) {
    std::copy(delta, delta + g.map.size(), map.data());
    return;
  }
  map.setZero();
  for (Index i = 0; i < g.pooled.size(); ++i) map.data()[where[i]] += delta[i];
}

}  // namespace

template <class S>
void ConvForward(const ConvGeometry& g, const Matrix<S>& w, const Matrix<S>* b,
                 const ConstMatrixRef<S>& h_below, Matrix<S>& map, PoolOrigins& where,
                 MatrixRef<S> a) {
  const bool has_pool = g.pool != 1;
  map.resize(has_pool ? g.map.size() : 0, has_pool ? a.cols() : 0);
  where.resize(has_pool ? g.pooled.size() : 0, has_pool ? a.cols() : 0);
  const Index pixels = g.map.height * g.map.width;
  ParallelFor(static_cast<size_t>(a.cols()), [&](size_t sample) {
    const auto j = static_cast<Index>(sample);
    Scratch<S>& scratch = ScratchOf<S>(g);
    GatherPatches(g, h_below.col(j).data(), scratch.patches);
    S* out = has_pool ? map.col(j).data() : a.col(j).data();
    Eigen::Map<Matrix<S>> map_j(out, pixels, g.map.channels);
    if (b != nullptr) {
      for (Index c = 0; c < g.map.channels; ++c) map_j.col(c).setConstant((*b)(c, 0));
    }
    Gemm<S>(Transpose::kNo, scratch.patches, Transpose::kYes, w, 1, b == nullptr ? 0 : 1, map_j);
    if (has_pool) MaxPool(g, out, where.col(j).data(), a.col(j).data());
  });
}

template <class S>
void ConvGradient(const ConvGeometry& g, const ConstMatrixRef<S>& delta, const PoolOrigins& where,
                  const ConstMatrixRef<S>& h_below, Matrix<S>& grad_w, Matrix<S>* grad_b) {
  const Index batch = delta.cols();
  const Index shards = std::min(kGradientShards, batch);
  std::vector<Matrix<S>> part_w(static_cast<size_t>(shards)), part_b(static_cast<size_t>(shards));
  ParallelFor(static_cast<size_t>(shards), [&](size_t shard) {
    Matrix<S>& sum_w = part_w[shard];
    Matrix<S>& sum_b = part_b[shard];
    sum_w = Matrix<S>::Zero(grad_w.rows(), grad_w.cols());
    sum_b = Matrix<S>::Zero(grad_w.rows(), 1);
    Scratch<S>& scratch = ScratchOf<S>(g);
    const auto s = static_cast<Index>(shard);
    for (Index j = s * batch / shards; j < (s + 1) * batch / shards; ++j) {
      Unpool(g, delta.col(j).data(), g.pool == 1 ? nullptr : where.col(j).data(), scratch.map);
      GatherPatches(g, h_below.col(j).data(), scratch.patches);
      Gemm<S>(Transpose::kYes, scratch.map, Transpose::kNo, scratch.patches, 1, 1, sum_w);
      if (grad_b != nullptr) sum_b.col(0) += scratch.map.colwise().sum().transpose();
    }
  });
  grad_w.setZero();
  if (grad_b != nullptr) grad_b->setZero();
  for (size_t shard = 0; shard < part_w.size(); ++shard) {
    grad_w += part_w[shard];
    if (grad_b != nullptr) *grad_b += part_b[shard];
  }
}

template <class S>
void ConvBackward(const ConvGeometry& g, const Matrix<S>& w, const ConstMatrixRef<S>& delta,
                  const PoolOrigins& where, MatrixRef<S> dh_below) {
  ParallelFor(static_cast<size_t>(delta.cols()), [&](size_t column) {
    const auto j = static_cast<Index>(column);
    Scratch<S>& scratch = ScratchOf<S>(g);
    Unpool(g, delta.col(j).data(), g.pool == 1 ? nullptr : where.col(j % where.cols()).data(),
           scratch.map);
    Gemm<S>(Transpose::kNo, scratch.map, Transpose::kNo, w, 1, 0, scratch.patches);
    ScatterPatches(g, scratch.patches, dh_below.col(j).data());
  });
}

template void ConvForward(const ConvGeometry&, const Matrix<float>&, const Matrix<float>*,
                          const ConstMatrixRef<float>&, Matrix<float>&, PoolOrigins&,
                          MatrixRef<float>);
template void ConvForward(const ConvGeometry&, const Matrix<double>&, const Matrix<double>*,
                          const ConstMatrixRef<double>&, Matrix<double>&, PoolOrigins&,
                          MatrixRef<double>);
template void ConvGradient(const ConvGeometry&, const ConstMatrixRef<float>&, const PoolOrigins&,
                           const ConstMatrixRef<float>&, Matrix<float>&, Matrix<float>*);
template void ConvGradient(const ConvGeometry&, const ConstMatrixRef<double>&, const PoolOrigins&,
                           const ConstMatrixRef<double>&, Matrix<double>&, Matrix<double>*);
template void ConvBackward(const ConvGeometry&, const Matrix<float>&, const ConstMatrixRef<float>&,
                           const PoolOrigins&, MatrixRef<float>);
template void ConvBackward(const ConvGeometry&, const Matrix<double>&,
                           const ConstMatrixRef<double>&, const PoolOrigins&, MatrixRef<double>);

}  // namespace tpsweep::trainer
