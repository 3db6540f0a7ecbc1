#include "worker/agent/thread_choice.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "tests/fakes/fake_clock.h"
#include "worker/agent/thread_time.h"

namespace tpsweep::agent {
namespace {

using TimeOf = std::function<absl::Duration(int threads)>;

// How many of `batches` mini-batches are trained on each number of threads.
std::map<int, int> Train(ThreadChoice& choice, FakeClock& clock, int share, int batches,
                         const TimeOf& time_of) {
  std::map<int, int> counts;
  for (int i = 0; i < batches; ++i) {
    const int threads = choice.Next(share);
    ++counts[threads];
    clock.Advance(time_of(threads));
  }
  return counts;
}

constexpr int kRound = 2 * ThreadChoice::kTried + ThreadChoice::kKept;

TEST(ThreadChoiceTest, TakesTheShareWhereItIsFaster) {
  FakeClock clock;
  ThreadChoice choice(clock);
  const auto counts = Train(choice, clock, 4, 10 * kRound,
                            [](int threads) { return absl::Milliseconds(8) / threads; });
  EXPECT_EQ(counts.at(1), 10 * ThreadChoice::kTried);
  EXPECT_EQ(counts.at(4), 10 * (kRound - ThreadChoice::kTried));
}

TEST(ThreadChoiceTest, StaysWithOneWhereThreadsOnlyWaitForOneAnother) {
  FakeClock clock;
  ThreadChoice choice(clock);
  const auto counts =
      Train(choice, clock, 2, 10 * kRound, [](int threads) { return absl::Milliseconds(threads); });
  EXPECT_EQ(counts.at(2), 10 * ThreadChoice::kTried);
}

TEST(ThreadChoiceTest, FollowsWhatChanges) {
  FakeClock clock;
  ThreadChoice choice(clock);
  const auto is_idle = [](int threads) { return absl::Milliseconds(10) / threads; };
  const auto is_busy = [](int threads) { return absl::Milliseconds(10) * threads; };
  Train(choice, clock, 2, kRound, is_busy);
  const auto idle = Train(choice, clock, 2, 3 * kRound, is_idle);
  EXPECT_GT(idle.at(2), 2 * ThreadChoice::kKept);
  // No other slot is free any more.
  const auto alone = Train(choice, clock, 1, 100, is_idle);
  EXPECT_EQ(alone.at(1), 100);
}

TEST(ThreadChoiceTest, AnEvaluationBetweenTwoMiniBatchesDoesNotCount) {
  FakeClock clock;
  ThreadChoice choice(clock);
  int batch = 0;
  const auto counts = Train(choice, clock, 2, kRound, [&batch](int threads) {
    // In the middle of those that are trained on the share.
    const bool is_evaluated = ++batch == ThreadChoice::kTried + 4;
    return absl::Milliseconds(10) / threads + (is_evaluated ? absl::Seconds(5) : absl::Duration());
  });
  EXPECT_EQ(counts.at(1), ThreadChoice::kTried);
}

TEST(ThreadTimeTest, IsTheMeanOverTime) {
  FakeClock clock;
  ThreadTime time(clock);
  EXPECT_EQ(time.Mean(), 1);
  time.Set(4);
  clock.Advance(absl::Seconds(1));
  time.Set(1);
  clock.Advance(absl::Seconds(2));
  EXPECT_DOUBLE_EQ(time.Mean(), 2);
}

}  // namespace
}  // namespace tpsweep::agent
