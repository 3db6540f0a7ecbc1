#include "worker/trainer/noise.h"

#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {

template <class S>
void CounterNoise<S>::Fill(int layer, S sigma, MatrixRef<S> out) {
  const Kernels<S>& kernels = GetKernels<S>();
  // Shards begin at multiples of four, the draws of one Philox block.
  ForShards(static_cast<size_t>(out.size()), [&](size_t begin, size_t end) {
    kernels.gaussian(end - begin, key_, step_, static_cast<uint32_t>(layer),
                     static_cast<uint32_t>(begin / 4), sigma, out.data() + begin);
  });
}

template class CounterNoise<float>;
template class CounterNoise<double>;

}  // namespace tpsweep::trainer
