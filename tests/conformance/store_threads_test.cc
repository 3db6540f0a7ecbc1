// Reads and writes of many threads at once, over all engines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/conformance/store_engines.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

class StoreThreads : public testing::TestWithParam<StoreEngine> {};

INSTANTIATE_TEST_SUITE_P(AllEngines, StoreThreads, testing::ValuesIn(StoreEngines()),
                         [](const testing::TestParamInfo<StoreEngine>& row) {
                           return row.param.name;
                         });

TEST_P(StoreThreads, EachReadSeesOneCommittedState) {
  constexpr int kNumReaders = 8;  // more than there are connections
  constexpr int64_t kNumCommits = 100;
  const ScratchFolder folder;
  const std::unique_ptr<Store> store = GetParam().make(folder);
  ASSERT_NE(store, nullptr);
  const WriteBatch first{.studies = {MakeStudy("s")}};
  TP_ASSERT_OK(store->Commit({&first, 1}));

  // Every commit deletes the study and makes it again with ten trials, all of one
  // generation: a read that mixes two states shows.
  std::atomic<bool> is_done = false;
  std::atomic<int64_t> num_reads = 0;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < kNumReaders; ++reader) {
    readers.emplace_back([&] {
      int64_t last_generation = 0;
      while (!is_done) {
        const auto page = store->ListTrials({.study = "studies/s"}, {});
        ASSERT_TRUE(page.ok()) << page.status();
        ++num_reads;
        if (page->items.empty()) continue;
        ASSERT_EQ(page->items.size(), 10);
        const auto generation = static_cast<int64_t>(page->items[0].objective());
        ASSERT_GE(generation, last_generation);
        last_generation = generation;
        for (const v1::Trial& trial : page->items) ASSERT_EQ(trial.objective(), generation);
      }
    });
  }
  for (int64_t generation = 1; generation <= kNumCommits || num_reads < 100; ++generation) {
    WriteBatch batch{.deleted_studies = {"studies/s"}, .studies = {MakeStudy("s")}};
    for (int64_t trial = 0; trial < 10; ++trial) {
      batch.trials.push_back(
          MakeTrial("s", trial, v1::TRIAL_STATE_SUCCEEDED, static_cast<double>(generation)));
    }
    TP_ASSERT_OK(store->Commit({&batch, 1}));
  }
  is_done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(StoreThreads, CommitsOfSeveralThreadsAreNotLost) {
  constexpr int64_t kNumThreads = 4;
  constexpr int64_t kNumEach = 25;
  const ScratchFolder folder;
  const std::unique_ptr<Store> store = GetParam().make(folder);
  ASSERT_NE(store, nullptr);
  const WriteBatch first{.studies = {MakeStudy("s")}};
  TP_ASSERT_OK(store->Commit({&first, 1}));
  std::vector<std::thread> writers;
  for (int64_t writer = 0; writer < kNumThreads; ++writer) {
    writers.emplace_back([&, writer] {
      for (int64_t i = 0; i < kNumEach; ++i) {
        const WriteBatch batch{.trials = {MakeTrial("s", writer * kNumEach + i)}};
        TP_EXPECT_OK(store->Commit({&batch, 1}));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  TP_ASSERT_OK_AND_ASSIGN(const auto page,
                          store->ListTrials({.study = "studies/s"}, {.size = 1000}));
  EXPECT_EQ(page.items.size(), kNumThreads * kNumEach);
}

}  // namespace
}  // namespace tpsweep::server
