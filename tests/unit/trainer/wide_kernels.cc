// The hot loops with the vectors of AVX-512, made of the instructions that every processor
// has: what they compute can be tested where that processor is not at hand.
#include "worker/trainer/kernels.h"

namespace tpsweep::trainer {
template <class S>
const Kernels<S>& WideKernels();
}  // namespace tpsweep::trainer

#define TPSWEEP_VECTOR_BYTES 64
#define TPSWEEP_KERNEL_TABLE WideKernels
#include "worker/trainer/kernel_loops.inc"
