#include "worker/bench/machine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "worker/trainer/kernels.h"

namespace tpsweep {
namespace {

template <class Work>
double SecondsOf(const Work& work) {
  Clock& clock = Clock::Real();
  const absl::Duration start = clock.Elapsed();
  work();
  return absl::ToDoubleSeconds(clock.Elapsed() - start);
}

// The compiler must not find out that a result is not used.
volatile double sink = 0;

}  // namespace

template <class S>
double MeasureMultiplyAdds() {
  const trainer::GemmKernels<S>& kernels = trainer::GetKernels<S>().gemm;
  constexpr size_t kRounds = 5000000;
  const double seconds = SecondsOf([&] {
    sink = static_cast<double>(kernels.multiply_add(kRounds, static_cast<S>(0.999), S{1}));
  });
  return static_cast<double>(kRounds) * 6 * static_cast<double>(kernels.panel_rows) / seconds;
}

double MeasureCopyRate() {
  constexpr size_t kBytes = size_t{128} << 20;
  const std::vector<uint8_t> from(kBytes, 1);
  std::vector<uint8_t> to(kBytes);
  double seconds = 1e9;
  for (int i = 0; i < 5; ++i) {
    seconds = std::min(seconds, SecondsOf([&] { std::memcpy(to.data(), from.data(), kBytes); }));
    sink = to[kBytes / 2];
  }
  return 2.0 * static_cast<double>(kBytes) / seconds;
}

template double MeasureMultiplyAdds<float>();
template double MeasureMultiplyAdds<double>();

}  // namespace tpsweep
