#include "worker/trainer/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/work_count.h"

namespace tpsweep::trainer {
namespace {

CBLAS_TRANSPOSE ToBlas(Transpose transpose) {
  return transpose == Transpose::kYes ? CblasTrans : CblasNoTrans;
}

// y = alpha op(A) x + beta y: a product with one column reads A once, where that of
// matrices would copy it first.
void VectorProduct(Transpose ta, Index m, Index k, float alpha, const float* a, Index lda,
                   const float* x, Index incx, float beta, float* y) {
  const bool t = ta == Transpose::kYes;
  cblas_sgemv(CblasColMajor, ToBlas(ta), static_cast<blasint>(t ? k : m),
              static_cast<blasint>(t ? m : k), alpha, a, static_cast<blasint>(lda), x,
              static_cast<blasint>(incx), beta, y, 1);
}

void VectorProduct(Transpose ta, Index m, Index k, double alpha, const double* a, Index lda,
                   const double* x, Index incx, double beta, double* y) {
  const bool t = ta == Transpose::kYes;
  cblas_dgemv(CblasColMajor, ToBlas(ta), static_cast<blasint>(t ? k : m),
              static_cast<blasint>(t ? m : k), alpha, a, static_cast<blasint>(lda), x,
              static_cast<blasint>(incx), beta, y, 1);
}

// A block of op(A) stays in the second-level cache while all columns of op(B) pass by, packed where
// that pays; a panel of it and the columns that it meets stay in the first. Meanwhile the next one
// is fetched.
constexpr size_t kBlockBytes = size_t{128} << 10;
// A transposed B, whose columns are packed or gathered line by line, should pass by fewer times.
constexpr size_t kBlockBytesForTransposed = size_t{256} << 10;
constexpr size_t kLineBytes = 64;
constexpr size_t kMaxDepth = 320;
constexpr size_t kMaxColumns = 8;
// Where the next term lies so many bytes further, or a multiple of it, each puts the one before out
// of the first-level cache: only then must a transposed B be packed.
constexpr size_t kCacheWayBytes = 4096;
// A is read where it lies if its terms are so close that the processor fetches the next ones by
// itself, and from the pages that it knows. With more columns of C than these, packing it pays all
// the same.
constexpr size_t kMaxUnpackedStrideBytes = 2048;
constexpr size_t kMaxUnpackedColumns = 256;
// Columns of a transposed B are packed eight groups at a time: whole cache lines of its rows, which
// would have left the cache before the next group came for its part of them.
constexpr size_t kMaxGroups = 8;
constexpr size_t kGroup = kMaxColumns * kMaxDepth;

// Kept by each thread, so that steps do not allocate.
template <class S>
struct alignas(64) Packed {
  S a[kBlockBytesForTransposed / sizeof(S)];
  S b[kMaxGroups * kGroup];
};

template <class S>
Packed<S>& PackedOfThread() {
  thread_local const auto packed = std::make_unique<Packed<S>>();
  return *packed;
}

size_t CeilDiv(size_t x, size_t y) { return (x + y - 1) / y; }

// C = alpha op(A) op(B) + beta add, (m, n) over k terms; add(i, j) = add[i + j next_j],
// or nothing.
template <class S>
struct Product {
  size_t m, n, k;
  bool transpose_a, transpose_b;
  const S* a;
  size_t lda;
  const S* b;
  size_t ldb;
  S alpha, beta;
  const S* add;
  size_t add_next_j;
  S* c;
  size_t ldc;

  bool reads_a_where_it_lies() const {
    return !transpose_a && n <= kMaxUnpackedColumns && lda * sizeof(S) <= kMaxUnpackedStrideBytes;
  }
  bool reads_b_where_it_lies() const {
    return !transpose_b || ldb * sizeof(S) % kCacheWayBytes != 0;
  }
  const S* a_at(size_t i, size_t l) const { return a + (transpose_a ? l + i * lda : i + l * lda); }
  const S* b_at(size_t l, size_t j) const { return b + (transpose_b ? j + l * ldb : l + j * ldb); }
};

// The loop of fours where it makes the end of the columns come out even.
size_t GroupWidth(size_t left, size_t most) {
  return left <= 4 || (left > most && left <= 8) ? 4 : most;
}

// Puts the columns of op(B) side by side, `width` numbers for each k; what is missing is zero.
template <class S>
void PackColumns(const GemmColumns<S>& columns, size_t width, S* packed) {
  for (size_t k = 0; k < columns.depth; ++k) {
    const S* row = columns.b + k * columns.b_next_k;
    for (size_t j = 0; j < width; ++j) {
      packed[k * width + j] = j < columns.columns ? row[j * columns.b_next_j] : S{0};
    }
  }
}

// The same for all groups of the widest loop, at most kMaxGroups, that come next, where the
// columns of a row lie as they will. How many groups there were.
template <class S, size_t kMost>
size_t PackGroups(const GemmColumns<S>& columns, size_t left, S* packed) {
  size_t groups = 0;
  for (; groups < kMaxGroups && left >= kMost && GroupWidth(left, kMost) == kMost; ++groups) {
    left -= kMost;
  }
  for (size_t k = 0; k < columns.depth; ++k) {
    const S* row = columns.b + k * columns.b_next_k;
    for (size_t group = 0; group < groups; ++group) {
      std::memcpy(packed + group * kGroup + k * kMost, row + group * kMost, kMost * sizeof(S));
    }
  }
  return groups;
}

// Rows [begin, begin + rows) of C, terms [first, first + depth) of their sums.
struct Block {
  size_t begin, rows, first, depth;
};

// Fetches the part of A that a block needs, as it lies there, into the second-level cache, a little
// for each group of columns of the block before. (All at once, it would come no faster than lines
// can be on their way, and the products wait.)
template <class S>
class BlockFetch {
 public:
  BlockFetch(const Product<S>& p, const Block& block)
      : at_(reinterpret_cast<const char*>(p.a_at(block.begin, block.first))),
        bytes_((p.transpose_a ? block.depth : block.rows) * sizeof(S)),
        next_(p.lda * sizeof(S)),
        left_(p.transpose_a ? block.rows : block.depth),
        share_(CeilDiv(left_ * CeilDiv(bytes_, kLineBytes),
                       CeilDiv(p.n, GetKernels<S>().gemm.most_columns))) {}

  void Continue() {
    for (size_t i = 0; i < share_ && left_ > 0; ++i) {
      __builtin_prefetch(at_ + done_, /*rw=*/0, /*locality=*/2);
      done_ += kLineBytes;
      if (done_ < bytes_) continue;
      done_ = 0;
      at_ += next_;
      --left_;
    }
  }

 private:
  // What is contiguous in memory: `left_` pieces of so many bytes, of the first of which `done_`
  // are fetched.
  const char* at_;
  size_t bytes_, next_, left_;
  size_t done_ = 0;
  size_t share_;  // lines for each group
};

template <class S>
void MultiplyBlock(const Product<S>& p, const Block& block, BlockFetch<S> next) {
  const auto [begin, rows, first, depth] = block;
  const GemmKernels<S>& kernels = GetKernels<S>().gemm;
  Packed<S>& packed = PackedOfThread<S>();
  const size_t most = kernels.most_columns;
  GemmColumns<S> columns = {};
  columns.rows = rows;
  columns.depth = depth;
  if (p.reads_a_where_it_lies() && rows % kernels.panel_rows == 0) {
    columns.a = p.a_at(begin, first);
    columns.a_next_panel = kernels.panel_rows;
    columns.a_next_k = p.lda;
  } else {
    (p.transpose_a ? kernels.pack_transposed : kernels.pack)(rows, depth, p.a_at(begin, first),
                                                             p.lda, packed.a);
    columns.a = packed.a;
    columns.a_next_panel = depth * kernels.panel_rows;
    columns.a_next_k = kernels.panel_rows;
  }
  columns.alpha = p.alpha;
  columns.c_next_j = p.ldc;
  const bool lies = p.reads_b_where_it_lies();
  size_t group = 0, groups = 0;  // of those that are packed together
  for (size_t j = 0; j < p.n; j += columns.columns) {
    const size_t left = p.n - j;
    const size_t width = GroupWidth(left, most);
    columns.columns = std::min(width, left);
    columns.c = p.c + begin + j * p.ldc;
    if (first == 0) {
      columns.beta = p.beta;
      columns.add = p.add == nullptr ? nullptr : p.add + begin + j * p.add_next_j;
      columns.add_next_j = p.add_next_j;
    } else {
      columns.beta = 1;
      columns.add = columns.c;
      columns.add_next_j = p.ldc;
    }
    columns.b = p.b_at(first, j);
    columns.b_next_k = p.transpose_b ? p.ldb : 1;
    columns.b_next_j = p.transpose_b ? 1 : p.ldb;
    if (!lies || columns.columns < width) {
      if (++group >= groups) {
        group = 0;
        groups = lies        ? 0
                 : most == 8 ? PackGroups<S, 8>(columns, left, packed.b)
                             : PackGroups<S, 6>(columns, left, packed.b);
        if (groups == 0) PackColumns(columns, width, packed.b);
      }
      columns.b = packed.b + group * kGroup;
      columns.b_next_k = width;
      columns.b_next_j = 1;
    }
    next.Continue();
    (width == 4 ? kernels.multiply_four : kernels.multiply_most)(columns);
  }
}

// A sum of no terms.
template <class S>
void StoreAddend(const Product<S>& p) {
  for (size_t j = 0; j < p.n; ++j) {
    for (size_t i = 0; i < p.m; ++i) {
      p.c[i + j * p.ldc] = p.add == nullptr ? S{0} : p.beta * p.add[i + j * p.add_next_j];
    }
  }
}

template <class S>
void Multiply(const Product<S>& p) {
  const size_t depth = CeilDiv(p.k, CeilDiv(p.k, kMaxDepth));
  const size_t panel = GetKernels<S>().gemm.panel_rows;
  const size_t bytes = p.transpose_b ? kBlockBytesForTransposed : kBlockBytes;
  const size_t max_rows = bytes / sizeof(S) / depth / panel * panel;
  const size_t rows = CeilDiv(CeilDiv(p.m, CeilDiv(p.m, max_rows)), panel) * panel;
  // Panels that are not full are packed, by themselves where the others need not be.
  const size_t full = p.reads_a_where_it_lies() ? p.m / panel * panel : 0;
  const auto block_at = [&](size_t begin, size_t first) {
    const size_t left = (begin < full ? full : p.m) - begin;
    return Block{begin, std::min(rows, left), first, std::min(depth, p.k - first)};
  };
  // The terms of some rows, then the next rows; after the last it has no rows.
  const auto next_of = [&](const Block& block) {
    const size_t first = block.first + block.depth;
    return first < p.k ? block_at(block.begin, first) : block_at(block.begin + block.rows, 0);
  };
  for (Block block = block_at(0, 0); block.rows > 0;) {
    const Block next = next_of(block);
    MultiplyBlock(p, block, BlockFetch<S>(p, next));
    block = next;
  }
}

// A tile for each thread, if it is wide enough that packing the other operand once more for it
// costs little. (The bits of a column or row do not depend on where the tiles are cut.) A product
// below the threshold is over before a second thread wakes up.
constexpr size_t kMinTileWidth = 64;
constexpr double kMinMultiplications = 1e6;

template <class S>
void MultiplyInTiles(const Product<S>& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  CountMultiplyAdds(static_cast<int64_t>(work));
  if (p.k == 0) return StoreAddend(p);
  const bool cut_rows = p.m > p.n;
  const size_t width = std::max(p.m, p.n);
  const size_t num_tiles =
      work < kMinMultiplications
          ? 1
          : std::clamp<size_t>(width / kMinTileWidth, 1, static_cast<size_t>(ThreadsOfScope()));
  // Of whole panels or groups of columns.
  const GemmKernels<S>& kernels = GetKernels<S>().gemm;
  const size_t whole = cut_rows ? kernels.panel_rows : kernels.most_columns;
  const size_t tile = CeilDiv(CeilDiv(width, num_tiles), whole) * whole;
  ParallelFor(CeilDiv(width, tile), [&](size_t t) {
    const size_t begin = t * tile;
    const size_t count = std::min(tile, width - begin);
    Product<S> part = p;
    if (cut_rows) {
      part.m = count;
      part.a = p.a_at(begin, 0);
      part.c += begin;
      if (part.add != nullptr) part.add += begin;
    } else {
      part.n = count;
      part.b = p.b_at(0, begin);
      part.c += begin * p.ldc;
      if (part.add != nullptr) part.add += begin * p.add_next_j;
    }
    Multiply(part);
  });
}

template <class S>
Product<S> ProductOf(Transpose transpose_a, const ConstMatrixRef<S>& a, Transpose transpose_b,
                     const ConstMatrixRef<S>& b, MatrixRef<S> c) {
  const auto size = [](Index count) { return static_cast<size_t>(count); };
  return {.m = size(c.rows()),
          .n = size(c.cols()),
          .k = size(transpose_a == Transpose::kYes ? a.rows() : a.cols()),
          .transpose_a = transpose_a == Transpose::kYes,
          .transpose_b = transpose_b == Transpose::kYes,
          .a = a.data(),
          .lda = size(a.outerStride()),
          .b = b.data(),
          .ldb = size(b.outerStride()),
          .alpha = 1,
          .beta = 1,
          .add = nullptr,
          .add_next_j = 0,
          .c = c.data(),
          .ldc = size(c.outerStride())};
}

}  // namespace

template <class S>
void Gemm(Transpose transpose_a, const ConstMatrixRef<S>& a, Transpose transpose_b,
          const ConstMatrixRef<S>& b, S alpha, S beta, MatrixRef<S> c) {
  const Index m = c.rows();
  const Index n = c.cols();
  const Index k = transpose_a == Transpose::kYes ? a.rows() : a.cols();
  if (m == 0 || n == 0) return;
  // Mini-batches of one sample.
  if (n == 1) {
    if (beta == 0) c.setZero();
    // BLAS wants a positive leading dimension, also of an empty matrix.
    const Index incx = transpose_b == Transpose::kYes ? std::max<Index>(1, b.outerStride()) : 1;
    return VectorProduct(transpose_a, m, k, alpha, a.data(), std::max<Index>(1, a.outerStride()),
                         b.data(), incx, beta, c.data());
  }
  if (k == 1 && beta == 0 && transpose_a == Transpose::kNo) {
    const Index step = transpose_b == Transpose::kYes ? 1 : b.outerStride();
    for (Index j = 0; j < n; ++j) {
      GetKernels<S>().scale(static_cast<size_t>(m), alpha * b.data()[j * step], a.data(),
                            c.data() + j * c.outerStride());
    }
    return;
  }
  Product<S> product = ProductOf<S>(transpose_a, a, transpose_b, b, c);
  product.alpha = alpha;
  product.beta = beta;
  if (beta != 0) {
    product.add = product.c;
    product.add_next_j = product.ldc;
  }
  MultiplyInTiles(product);
}

template <class S>
void GemmPlusColumn(const ConstMatrixRef<S>& a, const ConstMatrixRef<S>& b, const Matrix<S>& d,
                    MatrixRef<S> c) {
  if (c.cols() == 1) {
    c = d;
    return Gemm<S>(Transpose::kNo, a, Transpose::kNo, b, 1, 1, c);
  }
  if (c.size() == 0) return;
  Product<S> product = ProductOf<S>(Transpose::kNo, a, Transpose::kNo, b, c);
  product.add = d.data();
  MultiplyInTiles(product);
}

template void Gemm(Transpose, const ConstMatrixRef<float>&, Transpose, const ConstMatrixRef<float>&,
                   float, float, MatrixRef<float>);
template void Gemm(Transpose, const ConstMatrixRef<double>&, Transpose,
                   const ConstMatrixRef<double>&, double, double, MatrixRef<double>);
template void GemmPlusColumn(const ConstMatrixRef<float>&, const ConstMatrixRef<float>&,
                             const Matrix<float>&, MatrixRef<float>);
template void GemmPlusColumn(const ConstMatrixRef<double>&, const ConstMatrixRef<double>&,
                             const Matrix<double>&, MatrixRef<double>);

}  // namespace tpsweep::trainer
