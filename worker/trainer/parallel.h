// Parallel loops inside one training run.
//
// Work is cut into pieces whose number and bounds depend on the problem only, never
// on the number of threads (but where no bit depends on them: gemm.cc), and no two
// pieces write to the same place: the results are the same bits for any number of
// threads. With one thread no OpenMP region is entered, so independent runs train side
// by side on threads of their own.
#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"

namespace tpsweep::trainer {

// For its life time, the loops of the calling thread use `num_threads` threads.
// Without one they use a single thread.
class ScopedThreads {
 public:
  explicit ScopedThreads(int num_threads);
  ~ScopedThreads();
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int before_;
};

// For its life time, denormal numbers are taken and given as zero on the calling
// thread and in its parallel loops (they make Adam's pass three times slower).
class ScopedFlushDenormals {
 public:
  ScopedFlushDenormals();
  ~ScopedFlushDenormals();
  ScopedFlushDenormals(const ScopedFlushDenormals&) = delete;
  ScopedFlushDenormals& operator=(const ScopedFlushDenormals&) = delete;

 private:
  unsigned before_;
};

// The threads of the scope; one within a loop. For choices that leave every number its bits.
int ThreadsOfScope();

// Calls body(i) for i in [0, num_pieces), in any order, on the threads of the scope.
void ParallelFor(size_t num_pieces, absl::FunctionRef<void(size_t)> body);

// Calls body(begin, end) for the shards, of fixed length, of [0, size).
void ForShards(size_t size, absl::FunctionRef<void(size_t, size_t)> body);

}  // namespace tpsweep::trainer
