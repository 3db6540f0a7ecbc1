// The hot loops for processors with AVX-512; compiled with -march=x86-64-v4.
#define TPSWEEP_KERNEL_TABLE V4Kernels
#include "worker/trainer/kernel_loops.inc"
