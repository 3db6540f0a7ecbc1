// The inner loops of the matrix product, in the units that gemm.cc cuts it into.
//
// A is packed: its rows stand in panels of `panel_rows` rows, and a panel holds, for
// each k in turn, the numbers of its rows (missing rows are zeros). The loops keep a
// tile of C, of a panel's rows and six (or four) columns, in registers.
#pragma once

#include <stddef.h>

namespace tpsweep::trainer {

// Columns of C: c(i, j) = alpha sum_k a(i, k) b(k, j) + beta add(i, j), with k ascending
// for every number of C.
template <class S>
struct GemmColumns {
  size_t rows, depth;  // at least 1
  size_t columns;      // that are stored: at most those of the loop
  const S* packed_a;
  // b(k, j) = b[k b_next_k + j b_next_j], for all columns of the loop.
  const S* b;
  size_t b_next_k, b_next_j;
  S alpha, beta;
  // add(i, j) = add[i + j add_next_j]; null for nothing. May be c itself.
  const S* add;
  size_t add_next_j;
  S* c;  // c(i, j) = c[i + j c_next_j]
  size_t c_next_j;
};

template <class S>
struct GemmKernels {
  size_t panel_rows;
  void (*six_columns)(const GemmColumns<S>& columns);
  void (*four_columns)(const GemmColumns<S>& columns);
  // Packs a(i, k) = a[i + k stride], or a[k + i stride].
  void (*pack)(size_t rows, size_t depth, const S* a, size_t stride, S* packed);
  void (*pack_transposed)(size_t rows, size_t depth, const S* a, size_t stride, S* packed);
  // As fast as the processor multiplies and adds: `rounds` times 6 panel_rows multiply-adds,
  // x <- x * factor + term on registers alone. Gives out their sum.
  S (*multiply_add)(size_t rounds, S factor, S term);
};

}  // namespace tpsweep::trainer
