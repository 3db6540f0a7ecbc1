#include "common/clock.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/fakes/fake_clock.h"

namespace tpsweep {
namespace {

TEST(RealClock, DoesNotGoBack) {
  Clock& clock = Clock::Real();
  absl::Duration last = clock.Elapsed();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = clock.Elapsed();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GT(clock.WallNow(), absl::FromUnixSeconds(1'600'000'000));
}

TEST(RealClock, WaitsUntilTheTimeIsUp) {
  Mutex mu;
  CondVar cv;
  Clock& clock = Clock::Real();
  const absl::Duration start = clock.Elapsed();
  const absl::Duration deadline = start + absl::Milliseconds(20);
  MutexLock lock(mu);
  // Waking early is legal; the caller looks at the clock.
  while (clock.Elapsed() < deadline) clock.WaitFor(cv, mu, deadline - clock.Elapsed());
  EXPECT_GE(clock.Elapsed() - start, absl::Milliseconds(20));
}

TEST(RealClock, WakesWhenNotified) {
  Mutex mu;
  CondVar cv;
  bool done = false;
  std::thread other([&] {
    MutexLock lock(mu);
    done = true;
    cv.NotifyOne();
  });
  {
    MutexLock lock(mu);
    while (!done) Clock::Real().WaitFor(cv, mu, absl::Minutes(10));
  }
  other.join();
  EXPECT_TRUE(done);
}

TEST(FakeClock, MovesOnlyByHand) {
  FakeClock clock;
  const absl::Time wall = clock.WallNow();
  const absl::Duration elapsed = clock.Elapsed();
  EXPECT_EQ(clock.Elapsed(), elapsed);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.WallNow() - wall, absl::Seconds(5));
  EXPECT_EQ(clock.Elapsed() - elapsed, absl::Seconds(5));
  clock.JumpWall(-absl::Hours(1));
  EXPECT_LT(clock.WallNow(), wall);
  EXPECT_EQ(clock.Elapsed() - elapsed, absl::Seconds(5));
}

}  // namespace
}  // namespace tpsweep
