// On how many threads a run is trained: on its share of the slots if that is faster than on
// one. It is not where the cores are busy with something else (threads that wait for one
// another are as slow as the slowest), or where the network is too small. So both are
// tried from time to time, and the faster one is kept meanwhile; results are the same bits
// for any number of threads.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"

namespace tpsweep::agent {

// Not thread-safe.
class ThreadChoice {
 public:
  // Mini-batches on each number while they are compared, and then on the better one.
  static constexpr int kTried = 9;
  static constexpr int kKept = 300;

  // `clock` must outlive it.
  explicit ThreadChoice(Clock& clock) : clock_(clock) {}

  // Asked before every mini-batch: its number of threads, if the share is `share`.
  int Next(int share);

 private:
  enum class Phase { kOne, kShare, kKept };

  void Begin(Phase phase);

  Clock& clock_;
  int share_ = 1;
  Phase phase_ = Phase::kOne;
  int left_ = 0;                         // mini-batches of the phase
  std::vector<absl::Duration> times_{};  // of those that are over
  absl::Duration last_asked_;
  absl::Duration time_of_one_;
  int kept_ = 1;
};

}  // namespace tpsweep::agent
