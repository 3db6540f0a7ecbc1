#include "worker/trainer/parallel.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "common/mutex.h"

namespace tpsweep::trainer {
namespace {

TEST(ParallelTest, ShardsCoverEachElementOnceForAnyNumberOfThreads) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16384}, size_t{16385}, size_t{100001}}) {
    std::set<std::pair<size_t, size_t>> bounds_of_one_thread;
    for (const int num_threads : {1, 2, 4}) {
      const ScopedThreads threads(num_threads);
      std::vector<int> visits(size, 0);
      Mutex mu;
      std::set<std::pair<size_t, size_t>> bounds;
      ForShards(size, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) ++visits[i];
        MutexLock lock(mu);
        bounds.emplace(begin, end);
      });
      EXPECT_THAT(visits, testing::Each(1));
      if (num_threads == 1) bounds_of_one_thread = bounds;
      EXPECT_EQ(bounds, bounds_of_one_thread);
    }
  }
}

std::set<std::thread::id> ThreadsOfALoop() {
  Mutex mu;
  std::set<std::thread::id> ids;
  ParallelFor(64, [&](size_t) {
    MutexLock lock(mu);
    ids.insert(std::this_thread::get_id());
  });
  return ids;
}

TEST(ParallelTest, TheScopeSaysHowManyThreads) {
  const auto self = std::this_thread::get_id();
  EXPECT_THAT(ThreadsOfALoop(), testing::ElementsAre(self));
  {
    const ScopedThreads two(2);
    EXPECT_EQ(ThreadsOfALoop().size(), 2u);
    {
      const ScopedThreads one(1);
      EXPECT_THAT(ThreadsOfALoop(), testing::ElementsAre(self));
    }
    EXPECT_EQ(ThreadsOfALoop().size(), 2u);
    // Another run on a thread of its own is not touched by this scope.
    std::thread([] { EXPECT_EQ(ThreadsOfALoop().size(), 1u); }).join();
  }
  EXPECT_THAT(ThreadsOfALoop(), testing::ElementsAre(self));
}

TEST(ParallelTest, DenormalsAreFlushedInTheScopeAndItsLoopsAndNotAfter) {
  volatile float small = std::numeric_limits<float>::min();
  const auto halved = [&small] { return small * 0.5f; };
  EXPECT_GT(halved(), 0);
  {
    const ScopedFlushDenormals flush;
    const ScopedThreads threads(2);
    std::vector<float> results(8, 1.0f);
    ParallelFor(results.size(), [&](size_t i) { results[i] = halved(); });
    EXPECT_THAT(results, testing::Each(0.0f));
  }
  EXPECT_GT(halved(), 0);
}

}  // namespace
}  // namespace tpsweep::trainer
