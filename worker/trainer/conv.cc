#include "worker/trainer/conv.h"

#include <algorithm>
#include <vector>

#include "worker/trainer/gemm.h"
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
  MatrixMap<S> patches;  // (H W, C_in K K): the inputs of each unit of one channel of the map
  MatrixMap<S> map;      // (H W, C_out): one sample's map, or its gradient
};

// Memory that grows to the largest layer and is kept, so that steps do not allocate.
template <class S>
S* Grow(std::vector<S>& memory, Index size) {
  if (memory.size() < static_cast<size_t>(size)) memory.resize(static_cast<size_t>(size));
  return memory.data();
}

template <class S>
Scratch<S> ScratchOf(const ConvGeometry& g) {
  thread_local std::vector<S> patches, map;
  const Index pixels = g.map.height * g.map.width;
  return {{Grow(patches, pixels * g.patch_size()), pixels, g.patch_size()},
          {Grow(map, g.map.size()), pixels, g.map.channels}};
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
void GatherPatches(const ConvGeometry& g, const S* input, MatrixMap<S>& patches) {
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
void ScatterPatches(const ConvGeometry& g, const MatrixMap<S>& patches, S* input) {
  std::fill(input, input + g.input.size(), S{0});
  ForPatchRows(g, [&](Index column, Index out, Index in, Index first, Index end) {
    const S* from = patches.col(column).data() + out;
    if (g.stride == 1) {
      S* to = input + in;
      for (Index x = first; x < end; ++x) to[x] += from[x];
    } else {
      for (Index x = first; x < end; ++x) input[in + x * g.stride] += from[x];
    }
  });
}

// The largest of a window, the first of equals in the order of the map; a NaN is larger
// than any number.
template <class S>
struct Largest {
  S value;
  int32_t at;

  void Compare(S other, int32_t other_at) {
    // No branch to mispredict.
    const bool wins = (other > value) | (other != other) | ((other == value) & (other_at < at));
    value = wins ? other : value;
    at = wins ? other_at : at;
  }
};

// `where` may be null.
template <class S>
void MaxPool(const ConvGeometry& g, const S* map, int32_t* where, S* pooled) {
  thread_local std::vector<S> value_memory;
  thread_local std::vector<int32_t> at_memory;
  const Index width = g.map.width;
  S* const values = Grow(value_memory, width);
  int32_t* const at = Grow(at_memory, width);
  for (Index c = 0; c < g.map.channels; ++c) {
    for (Index y = 0; y < g.pooled.height; ++y) {
      // First down each column of the row of windows, which goes by vectors.
      const Index top = y * g.pool_stride - g.pool_padding;
      const Index bottom = std::min(g.map.height, top + g.pool);
      for (Index v = std::max<Index>(0, top); v < bottom; ++v) {
        const auto first = static_cast<int32_t>((c * g.map.height + v) * width);
        const S* row = map + first;
        if (v == std::max<Index>(0, top)) {
          for (Index x = 0; x < width; ++x) {
            values[x] = row[x];
            at[x] = first + static_cast<int32_t>(x);
          }
          continue;
        }
        for (Index x = 0; x < width; ++x) {
          const bool wins = (row[x] > values[x]) | (row[x] != row[x]);
          values[x] = wins ? row[x] : values[x];
          at[x] = wins ? first + static_cast<int32_t>(x) : at[x];
        }
      }
      for (Index x = 0; x < g.pooled.width; ++x) {
        const Index left = x * g.pool_stride - g.pool_padding;
        const Index right = std::min(width, left + g.pool);
        const Index first = std::max<Index>(0, left);
        Largest<S> largest = {values[first], at[first]};
        for (Index i = first + 1; i < right; ++i) largest.Compare(values[i], at[i]);
        *pooled++ = largest.value;
        if (where != nullptr) *where++ = largest.at;
      }
    }
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
    GatherPatches(g, h_below.col(j).data(), scratch.patches);
    MatrixMap<S> map(has_pool ? scratch.map.data() : a.col(j).data(), scratch.map.rows(),
                     scratch.map.cols());
    if (b != nullptr) {  // the product is added to the biases: one pass less over the map
      for (Index c = 0; c < map.cols(); ++c) map.col(c).setConstant((*b)(c, 0));
    }
    Gemm<S>(Transpose::kNo, scratch.patches, Transpose::kYes, w, 1, b == nullptr ? 0 : 1, map);
    if (!has_pool) return;
    MaxPool(g, map.data(), where == nullptr ? nullptr : where->col(j).data(), a.col(j).data());
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
      GatherPatches(g, h_below.col(j).data(), scratch.patches);
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
    ScatterPatches(g, scratch.patches, dh_below.col(j).data());
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
