#include "worker/trainer/kernels.h"

namespace tpsweep::trainer {

bool HasV3() {
  static const bool has_v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                             __builtin_cpu_supports("bmi2");
  return has_v3;
}

bool HasV4() {
  static const bool has_v4 =
      HasV3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl");
  return has_v4;
}

template <class S>
const Kernels<S>& GetKernels() {
  static const Kernels<S>& kernels = HasV4()   ? V4Kernels<S>()
                                     : HasV3() ? V3Kernels<S>()
                                               : BaselineKernels<S>();
  return kernels;
}

const char* KernelSetName() { return HasV4() ? "x86-64-v4" : HasV3() ? "x86-64-v3" : "baseline"; }

template const Kernels<float>& GetKernels();
template const Kernels<double>& GetKernels();

}  // namespace tpsweep::trainer
