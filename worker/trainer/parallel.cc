#include "worker/trainer/parallel.h"

#include <xmmintrin.h>

#include <algorithm>

namespace tpsweep::trainer {
namespace {

thread_local int current_threads = 1;

// Elements of a shard: a few microseconds of work, and a multiple of all vector lengths.
constexpr size_t kShard = 16384;

constexpr unsigned kFlushToZeroAndDenormalsAreZero = 0x8040;

}  // namespace

ScopedThreads::ScopedThreads(int num_threads) : before_(current_threads) {
  current_threads = std::max(1, num_threads);
}
ScopedThreads::~ScopedThreads() { current_threads = before_; }

ScopedFlushDenormals::ScopedFlushDenormals() : before_(_mm_getcsr()) {
  _mm_setcsr(before_ | kFlushToZeroAndDenormalsAreZero);
}
ScopedFlushDenormals::~ScopedFlushDenormals() { _mm_setcsr(before_); }

int ThreadsOfScope() { return current_threads; }

void ParallelFor(size_t num_pieces, absl::FunctionRef<void(size_t)> body) {
  const int num_threads =
      static_cast<int>(std::min(static_cast<size_t>(current_threads), num_pieces));
  if (num_threads <= 1) {
    for (size_t i = 0; i < num_pieces; ++i) body(i);
    return;
  }
  const unsigned csr = _mm_getcsr();
#pragma omp parallel num_threads(num_threads)
  {
    _mm_setcsr(csr);  // the helpers flush denormals if the caller does
    const ScopedThreads one(1);
#pragma omp for schedule(static) nowait
    for (size_t i = 0; i < num_pieces; ++i) body(i);
  }
}

void ForShards(size_t size, absl::FunctionRef<void(size_t, size_t)> body) {
  ParallelFor((size + kShard - 1) / kShard,
              [&](size_t i) { body(i * kShard, std::min(size, (i + 1) * kShard)); });
}

}  // namespace tpsweep::trainer
