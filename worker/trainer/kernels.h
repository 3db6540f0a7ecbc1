// The hot loops, elementwise and of the matrix product, as a table of functions for
// each number type.
//
// kernel_loops.inc and gemm_loops.inc hold the loops; they are compiled for any x86-64,
// for x86-64-v3 (AVX2, FMA) and for x86-64-v4 (AVX-512), and the best table that this
// processor can run is chosen at start. All sizes are counts of elements, all memory is contiguous,
// and input and output may be the same memory. NaN in gives NaN out.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/trainer/gemm_kernels.h"

namespace tpsweep::trainer {

template <class S>
struct AdamStep {
  S beta1, one_minus_beta1, beta2, one_minus_beta2;
  S step_size;                 // lr / (1 - beta1^t)
  S inverse_sqrt_correction2;  // 1 / sqrt(1 - beta2^t)
  S epsilon;
  S weight_decay;
};

template <class S>
struct RmsPropStep {
  S alpha, one_minus_alpha, lr, epsilon, weight_decay;
};

// Of one channel: `size` x `size` windows every `stride` rows and columns, the first of them
// `padding` above and left of the map, which each of them meets.
struct PoolWindows {
  size_t height, width;  // of the map
  size_t size, stride, padding;
  size_t pooled_height, pooled_width;  // windows down and across
};

template <class S>
struct Kernels {
  // y = exp(x), within 4 units of the last place of the exact value while that is a normal number;
  // below it may be 0. Infinity for x above 88 (float) or 708 (double).
  void (*exp)(size_t n, const S* x, S* y);

  // h = s(a). tanh and sigmoid are within 4 units of the last place of the exact value.
  void (*tanh)(size_t n, const S* a, S* h);
  void (*sigmoid)(size_t n, const S* a, S* h);
  void (*relu)(size_t n, const S* a, S* h);
  void (*leaky_relu)(size_t n, S slope, const S* a, S* h);

  // y = factor x s'(a), from h = s(a) or from a.
  void (*tanh_derivative)(size_t n, const S* h, S factor, const S* x, S* y);
  void (*sigmoid_derivative)(size_t n, const S* h, S factor, const S* x, S* y);
  void (*leaky_relu_derivative)(size_t n, S slope, const S* a, S factor, const S* x, S* y);

  // y = scale bytes + offset.
  void (*from_bytes)(size_t n, const uint8_t* bytes, S scale, S offset, S* y);

  // y = y + alpha x.
  void (*add_scaled)(size_t n, S alpha, const S* x, S* y);
  // y = alpha x.
  void (*scale)(size_t n, S alpha, const S* x, S* y);
  // z = x - y.
  void (*subtract)(size_t n, const S* x, const S* y, S* z);
  // z = x + y.
  void (*add)(size_t n, const S* x, const S* y, S* z);
  // Sum of squares, in double, in an order that depends on n alone.
  double (*sum_of_squares)(size_t n, const S* x);
  // Whether none is infinite or not a number.
  bool (*is_finite)(size_t n, const S* x);

  // `rows` rows of `width` elements that lie next_row apart become one piece, and
  void (*copy_rows)(size_t rows, size_t width, const S* from, size_t next_row, S* to);
  // are added from one.
  void (*add_rows)(size_t rows, size_t width, const S* from, S* to, size_t next_row);
  // The largest of each window, and unless `where` is null the element of the map that it is,
  // counted from `first`: the first of equals. A NaN is larger than any number. `scratch` has room
  // for 4 (width + 2 padding + 64) elements; of the map 64 bytes beyond its end may be read.
  void (*max_pool)(const PoolWindows& windows, const S* map, int32_t first, S* scratch,
                   int32_t* where, S* pooled);

  // Steps of the optimisers, which say whether the gradient is finite: whether there is no infinity
  // and no NaN in it.
  // theta <- theta - lr (grad + wd theta), with the momentum buffer b (may be null).
  bool (*sgd)(size_t n, S lr, S momentum, S weight_decay, const S* gradient, S* buffer, S* theta);
  bool (*adam)(size_t n, const AdamStep<S>& step, const S* gradient, S* m, S* v, S* theta);
  // The running mean `m` of the gradient is null if it is not taken off.
  bool (*rmsprop)(size_t n, const RmsPropStep<S>& step, const S* gradient, S* m, S* v, S* theta);

  // Standard normal draws from Philox4x32-10: `block` counts in fours, and block k
  // of (key, step, layer) gives out[0..3] for counter {k, layer, step low, step high}
  // by two Box-Muller pairs. All are times sigma.
  void (*gaussian)(size_t n, uint64_t key, uint64_t step, uint32_t layer, uint32_t first_block,
                   S sigma, S* out);

  GemmKernels<S> gemm;
};

// The table of this processor, float or double.
template <class S>
const Kernels<S>& GetKernels();

// "x86-64-v4", "x86-64-v3" or "baseline".
const char* KernelSetName();

// All tables, for tests. That of v3 may only be called where HasV3() is true, that of v4
// where HasV4() is.
bool HasV3();
bool HasV4();
template <class S>
const Kernels<S>& BaselineKernels();
template <class S>
const Kernels<S>& V3Kernels();
template <class S>
const Kernels<S>& V4Kernels();

}  // namespace tpsweep::trainer
