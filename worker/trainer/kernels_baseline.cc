// The hot loops for any x86-64 processor.
#define TPSWEEP_KERNEL_TABLE BaselineKernels
#include "worker/trainer/kernel_loops.inc"
