#include "common/clock.h"

#include <chrono>

namespace tpsweep {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time WallNow() override { return absl::FromChrono(std::chrono::system_clock::now()); }
  absl::Duration Elapsed() override {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
  void WaitFor(CondVar& cv, Mutex& mu, absl::Duration timeout) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    cv.WaitFor(mu, timeout);
  }
};

}  // namespace

Clock& Clock::Real() {
  static RealClock* const clock = new RealClock;
  return *clock;
}

}  // namespace tpsweep
