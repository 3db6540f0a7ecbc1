// The hot loops for processors with AVX2 and FMA; compiled with -march=x86-64-v3.
#define TPSWEEP_KERNEL_TABLE V3Kernels
#include "worker/trainer/kernel_loops.inc"
