// The inner loops of the matrix product, in the units that gemm.cc cuts it into.
//
// The rows of A stand in panels of `panel_rows` rows: where A lies, or packed, so that a panel
// holds, for each k in turn, the numbers of its rows (missing rows are zeros). The loops keep a
// tile of C, of a panel's rows and some columns, in registers.
#pragma once

#include <stddef.h>

namespace tpsweep::trainer {

// Columns of C: c(i, j) = alpha sum_k a(i, k) b(k, j) + beta add(i, j), with k ascending
// for every number of C.
template <class S>
struct GemmColumns {
  size_t rows, depth;  // at least 1
  size_t columns;      // that are stored: at most those of the loop
  // a(i, k) of panel q = a[q a_next_panel + k a_next_k + i]: all rows of the panel are read.
  const S* a;
  size_t a_next_panel, a_next_k;
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
  // As many columns as the registers hold beside a panel, 6 or 8; and four.
  size_t most_columns;
  void (*multiply_most)(const GemmColumns<S>& columns);
  void (*multiply_four)(const GemmColumns<S>& columns);
  // Packs a(i, k) = a[i + k stride], or a[k + i stride].
  void (*pack)(size_t rows, size_t depth, const S* a, size_t stride, S* packed);
  void (*pack_transposed)(size_t rows, size_t depth, const S* a, size_t stride, S* packed);
  // As fast as the processor multiplies and adds: `rounds` times 6 panel_rows multiply-adds,
  // x <- x * factor + term on registers alone. Gives out their sum.
  S (*multiply_add)(size_t rounds, S factor, S term);
};

}  // namespace tpsweep::trainer
