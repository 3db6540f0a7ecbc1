#include "worker/trainer/conv.h"

#include <algorithm>
#include <vector>

#include "worker/trainer/gemm.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

// Gradients are summed in this many parts, one after the other within a part.
constexpr Index kGradientShards = 8;

template <class S>
using MatrixMap = Eigen::Map<Matrix<S>>;

// What a thread works in.
template <class S>
struct Scratch {
  S* padded;             // (C_in, H_in + 2 padding, W_in + 2 padding): one sample's input
  MatrixMap<S> patches;  // (H W, C_in K K): the inputs of each unit of one channel of the map
  MatrixMap<S> map;      // (H W, C_out): one sample's map, or its gradient
  S* of_pool;
};

// Memory that grows to the largest layer and is kept, so that steps do not allocate.
template <class S>
S* Grow(std::vector<S>& memory, Index size) {
  if (memory.size() < static_cast<size_t>(size)) memory.resize(static_cast<size_t>(size));
  return memory.data();
}

Index PaddedHeight(const ConvGeometry& g) { return g.input.height + 2 * g.padding; }
Index PaddedWidth(const ConvGeometry& g) { return g.input.width + 2 * g.padding; }

PoolWindows WindowsOf(const ConvGeometry& g) {
  const auto size = [](Index count) { return static_cast<size_t>(count); };
  return {.height = size(g.map.height),
          .width = size(g.map.width),
          .size = size(g.pool),
          .stride = size(g.pool_stride),
          .padding = size(g.pool_padding),
          .pooled_height = size(g.pooled.height),
          .pooled_width = size(g.pooled.width)};
}

template <class S>
Scratch<S> ScratchOf(const ConvGeometry& g) {
  thread_local std::vector<S> padded, patches, map, of_pool;
  const Index pixels = g.map.height * g.map.width;
  constexpr Index kBeyond = 64;  // see max_pool
  return {.padded = Grow(padded, g.input.channels * PaddedHeight(g) * PaddedWidth(g)),
          .patches = {Grow(patches, pixels * g.patch_size()), pixels, g.patch_size()},
          .map = {Grow(map, g.map.size() + kBeyond), pixels, g.map.channels},
          .of_pool = Grow(of_pool, 4 * (g.map.width + 2 * g.pool_padding + kBeyond))};
}

// Calls plane(its first element in the padded input, in the input) for every channel.
template <class Plane>
void ForPlanes(const ConvGeometry& g, Plane plane) {
  const Index begin = g.padding * PaddedWidth(g) + g.padding;
  for (Index c = 0; c < g.input.channels; ++c) {
    plane(c * PaddedHeight(g) * PaddedWidth(g) + begin, c * g.input.height * g.input.width);
  }
}

// Calls column(number, first element in the padded input) for every column of the patches.
template <class Column>
void ForPatchColumns(const ConvGeometry& g, Column column) {
  Index number = 0;
  for (Index c = 0; c < g.input.channels; ++c) {
    for (Index ky = 0; ky < g.kernel; ++ky) {
      for (Index kx = 0; kx < g.kernel; ++kx) {
        column(number++, (c * PaddedHeight(g) + ky) * PaddedWidth(g) + kx);
      }
    }
  }
}

template <class S>
void GatherPatches(const ConvGeometry& g, const S* input, Scratch<S>& scratch) {
  const auto width = static_cast<size_t>(PaddedWidth(g));
  S* const padded = scratch.padded;
  std::fill(padded, padded + g.input.channels * PaddedHeight(g) * PaddedWidth(g), S{0});
  ForPlanes(g, [&](Index in_padded, Index in_input) {
    for (Index y = 0; y < g.input.height; ++y) {
      const S* row = input + in_input + y * g.input.width;
      std::copy(row, row + g.input.width, padded + in_padded + y * PaddedWidth(g));
    }
  });
  ForPatchColumns(g, [&](Index number, Index first) {
    const S* from = padded + first;
    S* to = scratch.patches.col(number).data();
    if (g.stride == 1) {
      GetKernels<S>().copy_rows(static_cast<size_t>(g.map.height), static_cast<size_t>(g.map.width),
                                from, width, to);
      return;
    }
    for (Index y = 0; y < g.map.height; ++y, from += g.stride * PaddedWidth(g)) {
      for (Index x = 0; x < g.map.width; ++x) *to++ = from[x * g.stride];
    }
  });
}

// The transpose of GatherPatches: adds up what each input gave to the patches.
template <class S>
void ScatterPatches(const ConvGeometry& g, Scratch<S>& scratch, S* input) {
  const auto width = static_cast<size_t>(PaddedWidth(g));
  S* const padded = scratch.padded;
  std::fill(padded, padded + g.input.channels * PaddedHeight(g) * PaddedWidth(g), S{0});
  ForPatchColumns(g, [&](Index number, Index first) {
    const S* from = scratch.patches.col(number).data();
    S* to = padded + first;
    if (g.stride == 1) {
      GetKernels<S>().add_rows(static_cast<size_t>(g.map.height), static_cast<size_t>(g.map.width),
                               from, to, width);
      return;
    }
    for (Index y = 0; y < g.map.height; ++y, to += g.stride * PaddedWidth(g)) {
      for (Index x = 0; x < g.map.width; ++x) to[x * g.stride] += *from++;
    }
  });
  ForPlanes(g, [&](Index in_padded, Index in_input) {
    GetKernels<S>().copy_rows(static_cast<size_t>(g.input.height),
                              static_cast<size_t>(g.input.width), padded + in_padded, width,
                              input + in_input);
  });
}

// `where` may be null.
template <class S>
void MaxPool(const ConvGeometry& g, const S* map, S* scratch, int32_t* where, S* pooled) {
  const PoolWindows windows = WindowsOf(g);
  const Index size = g.map.height * g.map.width, pooled_size = g.pooled.height * g.pooled.width;
  for (Index c = 0; c < g.map.channels; ++c) {
    GetKernels<S>().max_pool(windows, map + c * size, static_cast<int32_t>(c * size), scratch,
                             where == nullptr ? nullptr : where + c * pooled_size,
                             pooled + c * pooled_size);
  }
}

// The gradient of the map from that of a, in the scratch matrix (H W, C_out).
template <class S>
void Unpool(const ConvGeometry& g, const S* delta, const int32_t* where, MatrixMap<S>& map) {
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
                 const ConstMatrixRef<S>& h_below, PoolOrigins* where, MatrixRef<S> a) {
  const bool has_pool = g.pool != 1;
  if (where != nullptr) where->resize(has_pool ? g.pooled.size() : 0, has_pool ? a.cols() : 0);
  ParallelFor(static_cast<size_t>(a.cols()), [&](size_t sample) {
    const auto j = static_cast<Index>(sample);
    Scratch<S> scratch = ScratchOf<S>(g);
    GatherPatches(g, h_below.col(j).data(), scratch);
    MatrixMap<S> map(has_pool ? scratch.map.data() : a.col(j).data(), scratch.map.rows(),
                     scratch.map.cols());
    if (b != nullptr) {  // the product is added to the biases: one pass less over the map
      for (Index c = 0; c < map.cols(); ++c) map.col(c).setConstant((*b)(c, 0));
    }
    Gemm<S>(Transpose::kNo, scratch.patches, Transpose::kYes, w, 1, b == nullptr ? 0 : 1, map);
    if (!has_pool) return;
    MaxPool(g, map.data(), scratch.of_pool, where == nullptr ? nullptr : where->col(j).data(),
            a.col(j).data());
  });
}

template <class S>
void ConvGradient(const ConvGeometry& g, const ConstMatrixRef<S>& delta, const PoolOrigins& where,
                  const ConstMatrixRef<S>& h_below, Matrix<S>& grad_w, Matrix<S>* grad_b) {
  const Index batch = delta.cols();
  const Index shards = std::min(kGradientShards, batch);
  const Index rows = grad_w.rows(), cols = grad_w.cols();
  // The shards' sums, kept by the thread that calls. (Named in the loop, a
  // thread_local would be that of the helper.)
  thread_local std::vector<S> memory;
  S* const sums = Grow(memory, shards * rows * (cols + 1));
  const auto sum_w = [=](Index s) { return MatrixMap<S>(sums + s * rows * cols, rows, cols); };
  const auto sum_b = [=](Index s) {
    return MatrixMap<S>(sums + shards * rows * cols + s * rows, rows, 1);
  };
  ParallelFor(static_cast<size_t>(shards), [&](size_t shard) {
    const auto s = static_cast<Index>(shard);
    MatrixMap<S> part_w = sum_w(s), part_b = sum_b(s);
    part_b.setZero();
    Scratch<S> scratch = ScratchOf<S>(g);
    const Index begin = s * batch / shards;
    for (Index j = begin; j < (s + 1) * batch / shards; ++j) {
      Unpool(g, delta.col(j).data(), g.pool == 1 ? nullptr : where.col(j).data(), scratch.map);
      GatherPatches(g, h_below.col(j).data(), scratch);
      Gemm<S>(Transpose::kYes, scratch.map, Transpose::kNo, scratch.patches, 1, j == begin ? 0 : 1,
              part_w);
      if (grad_b != nullptr) part_b += scratch.map.colwise().sum().transpose();
    }
  });
  grad_w.setZero();
  if (grad_b != nullptr) grad_b->setZero();
  for (Index s = 0; s < shards; ++s) {
    grad_w += sum_w(s);
    if (grad_b != nullptr) *grad_b += sum_b(s);
  }
}

template <class S>
void ConvBackward(const ConvGeometry& g, const Matrix<S>& w, const ConstMatrixRef<S>& delta,
                  const PoolOrigins& where, MatrixRef<S> dh_below) {
  ParallelFor(static_cast<size_t>(delta.cols()), [&](size_t column) {
    const auto j = static_cast<Index>(column);
    Scratch<S> scratch = ScratchOf<S>(g);
    Unpool(g, delta.col(j).data(), g.pool == 1 ? nullptr : where.col(j % where.cols()).data(),
           scratch.map);
    Gemm<S>(Transpose::kNo, scratch.map, Transpose::kNo, w, 1, 0, scratch.patches);
    ScatterPatches(g, scratch, dh_below.col(j).data());
  });
}

template void ConvForward(const ConvGeometry&, const Matrix<float>&, const Matrix<float>*,
                          const ConstMatrixRef<float>&, PoolOrigins*, MatrixRef<float>);
template void ConvForward(const ConvGeometry&, const Matrix<double>&, const Matrix<double>*,
                          const ConstMatrixRef<double>&, PoolOrigins*, MatrixRef<double>);
template void ConvGradient(const ConvGeometry&, const ConstMatrixRef<float>&, const PoolOrigins&,
                           const ConstMatrixRef<float>&, Matrix<float>&, Matrix<float>*);
template void ConvGradient(const ConvGeometry&, const ConstMatrixRef<double>&, const PoolOrigins&,
                           const ConstMatrixRef<double>&, Matrix<double>&, Matrix<double>*);
template void ConvBackward(const ConvGeometry&, const Matrix<float>&, const ConstMatrixRef<float>&,
                           const PoolOrigins&, MatrixRef<float>);
template void ConvBackward(const ConvGeometry&, const Matrix<double>&,
                           const ConstMatrixRef<double>&, const PoolOrigins&, MatrixRef<double>);

}  // namespace tpsweep::trainer
