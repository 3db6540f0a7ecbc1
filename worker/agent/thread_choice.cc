#include "worker/agent/thread_choice.h"

#include <algorithm>

namespace tpsweep::agent {
namespace {

// The middle one: what lies between two mini-batches now and then, an evaluation say, does
// not count.
absl::Duration MedianOf(std::vector<absl::Duration>& times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

int ThreadChoice::Next(int share) {
  const absl::Duration now = clock_.Elapsed();
  if (share != share_) {
    share_ = share;
    Begin(Phase::kOne);
  } else if (share > 1) {
    times_.push_back(now - last_asked_);
    if (--left_ == 0) {
      if (phase_ == Phase::kOne) {
        time_of_one_ = MedianOf(times_);
        Begin(Phase::kShare);
      } else if (phase_ == Phase::kShare) {
        kept_ = MedianOf(times_) < time_of_one_ ? share_ : 1;
        Begin(Phase::kKept);
      } else {
        Begin(Phase::kOne);
      }
    }
  }
  last_asked_ = now;
  if (share_ <= 1 || phase_ == Phase::kOne) return 1;
  return phase_ == Phase::kShare ? share_ : kept_;
}

void ThreadChoice::Begin(Phase phase) {
  phase_ = phase;
  left_ = phase == Phase::kKept ? kKept : kTried;
  times_.clear();
}

}  // namespace tpsweep::agent
