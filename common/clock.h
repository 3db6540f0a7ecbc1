// Where time comes from. Everything that waits or looks at a clock takes one of
// these, so that tests can hold the hands (tests/fakes/fake_clock.h).
#pragma once

#include "absl/time/time.h"
#include "common/mutex.h"

namespace tpsweep {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // The calendar, for people. May jump.
  virtual absl::Time WallNow() = 0;

  // Time since an arbitrary origin; never goes back. For deadlines and leases.
  virtual absl::Duration Elapsed() = 0;

  // Waits until `cv` is notified or `timeout` has passed on this clock.
  virtual void WaitFor(CondVar& cv, Mutex& mu, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) = 0;

  // The machine's clock; lives for ever.
  static Clock& Real();
};

}  // namespace tpsweep
