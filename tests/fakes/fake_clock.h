// A clock whose hands the test moves.
#pragma once

#include "common/clock.h"

namespace tpsweep {

class FakeClock final : public Clock {
 public:
  absl::Time WallNow() override {
    MutexLock lock(mu_);
    return wall_;
  }
  absl::Duration Elapsed() override {
    MutexLock lock(mu_);
    return elapsed_;
  }
  // Returns at once: nothing happens on this clock until the test moves it.
  void WaitFor(CondVar& cv, Mutex& mu, absl::Duration) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    cv.WaitFor(mu, absl::Milliseconds(1));
  }

  void Advance(absl::Duration by) {
    MutexLock lock(mu_);
    wall_ += by;
    elapsed_ += by;
  }
  // The calendar jumps; time does not.
  void JumpWall(absl::Duration by) {
    MutexLock lock(mu_);
    wall_ += by;
  }

 private:
  Mutex mu_;
  absl::Time wall_ ABSL_GUARDED_BY(mu_) = absl::FromUnixSeconds(1'800'000'000);
  absl::Duration elapsed_ ABSL_GUARDED_BY(mu_) = absl::Seconds(1000);
};

}  // namespace tpsweep
