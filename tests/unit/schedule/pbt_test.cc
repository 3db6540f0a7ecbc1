#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "server/schedule/scheduler.h"
#include "tests/fakes/scheduled_run.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::Optional;
using testing::SizeIs;

using Advance = Scheduler::Advance;
using Fork = Scheduler::Fork;

std::unique_ptr<Scheduler> Pbt(int64_t population, double quantile, int64_t epochs = 4,
                               uint64_t seed = 1) {
  v1::StudySpec spec;
  spec.mutable_training()->set_epochs(static_cast<int32_t>(epochs));
  spec.mutable_search()->set_seed(seed);
  v1::PbtScheduler& pbt = *spec.mutable_search()->mutable_scheduler()->mutable_pbt();
  pbt.set_population(population);
  pbt.set_every(1);
  pbt.set_quantile(quantile);
  return MakeScheduler(spec);
}

// Makes the forks that are due, as trials `next`, `next` + 1, ...
std::vector<Fork> MakeForks(Scheduler& scheduler, int64_t next) {
  std::vector<Fork> forks;
  while (const std::optional<Fork> fork = scheduler.NextFork()) {
    forks.push_back(*fork);
    scheduler.BeginFork(next++, fork->replaces, fork->epochs);
    scheduler.End(fork->replaces, false);
  }
  return forks;
}
std::vector<Advance> LetGoOn(Scheduler& scheduler) {
  std::vector<Advance> advances;
  while (const std::optional<Advance> next = scheduler.Next()) {
    advances.push_back(*next);
    scheduler.GoOn(next->trial, next->epochs);
  }
  return advances;
}
std::vector<int64_t> Stop(Scheduler& scheduler) {
  std::vector<int64_t> beaten;
  while (const std::optional<int64_t> trial = scheduler.Beaten()) {
    beaten.push_back(*trial);
    scheduler.End(*trial, false);
  }
  return beaten;
}

TEST(PbtTest, TheWorstAreReplacedByThoseThatGoOnFromTheBest) {
  const auto pbt = Pbt(8, 0.25);
  for (int64_t trial = 0; trial < 8; ++trial) pbt->Begin(trial);
  for (int64_t trial = 0; trial < 7; ++trial) {
    pbt->Wait(trial, 1, static_cast<double>((trial * 3) % 8));
    EXPECT_EQ(pbt->NextFork(), std::nullopt) << "not all are there";
    EXPECT_EQ(pbt->Next(), std::nullopt);
  }
  pbt->Wait(7, 1, 5);  // values 0 3 6 1 4 7 2 5
  const std::vector<Fork> forks = MakeForks(*pbt, 8);
  ASSERT_THAT(forks, SizeIs(2));
  for (const Fork& fork : forks) {
    EXPECT_THAT(fork.parent, testing::AnyOf(0, 3));
    EXPECT_EQ(fork.epochs, 1);
    EXPECT_EQ(fork.stop, 2);
  }
  EXPECT_EQ(forks[0].replaces, 2);
  EXPECT_EQ(forks[1].replaces, 5);
  EXPECT_THAT(LetGoOn(*pbt), ElementsAre(Advance{0, 2}, Advance{3, 2}, Advance{6, 2}, Advance{1, 2},
                                         Advance{4, 2}, Advance{7, 2}))
      << "the best first";
  EXPECT_EQ(pbt->Beaten(), std::nullopt) << "they have been replaced";

  // The new ones are of the next generation: it waits for them.
  for (const int64_t trial : {0, 1, 3, 4, 6, 7, 8}) pbt->Wait(trial, 2, 1);
  EXPECT_EQ(pbt->NextFork(), std::nullopt);
  pbt->Wait(9, 2, 0);
  const std::vector<Fork> next = MakeForks(*pbt, 10);
  ASSERT_THAT(next, SizeIs(2));
  EXPECT_EQ(next[0].replaces, 7) << "equals by number";
  EXPECT_EQ(next[1].replaces, 8);
  EXPECT_EQ(next[0].epochs, 2);
}

TEST(PbtTest, WhoEndsBadlyIsReplacedToo) {
  const auto pbt = Pbt(4, 0.25);
  for (int64_t trial = 0; trial < 4; ++trial) pbt->Begin(trial);
  pbt->End(0, true);
  pbt->End(3, true);
  pbt->Wait(1, 1, NAN);
  pbt->Wait(2, 1, 5);
  const std::vector<Fork> forks = MakeForks(*pbt, 4);
  EXPECT_THAT(forks, ElementsAre(Fork{2, 0, 1, 2}, Fork{2, 1, 1, 2}, Fork{2, 3, 1, 2}));
  EXPECT_THAT(LetGoOn(*pbt), ElementsAre(Advance{2, 2}));
}

TEST(PbtTest, WhereNobodyIsGoodAllAreBeaten) {
  const auto pbt = Pbt(3, 0.25);
  for (int64_t trial = 0; trial < 3; ++trial) pbt->Begin(trial);
  pbt->End(0, true);
  pbt->Wait(1, 1, NAN);
  pbt->Wait(2, 1, NAN);
  EXPECT_EQ(pbt->NextFork(), std::nullopt);
  EXPECT_EQ(pbt->Next(), std::nullopt);
  EXPECT_THAT(Stop(*pbt), ElementsAre(1, 2));
}

TEST(PbtTest, WithoutBudgetForOthersTheBeatenAreStoppedAndTheRestGoesOn) {
  const auto pbt = Pbt(4, 0.5);
  for (int64_t trial = 0; trial < 4; ++trial) pbt->Begin(trial);
  for (int64_t trial = 0; trial < 4; ++trial) pbt->Wait(trial, 1, static_cast<double>(trial));
  EXPECT_THAT(pbt->NextFork(), Optional(testing::Field(&Fork::replaces, 2)));
  EXPECT_EQ(pbt->Beaten(), std::nullopt) << "they may still be replaced";
  EXPECT_THAT(LetGoOn(*pbt), ElementsAre(Advance{0, 2}, Advance{1, 2}));
  EXPECT_EQ(pbt->NextFork(), std::nullopt) << "there is nothing to go on from any more";
  EXPECT_THAT(Stop(*pbt), ElementsAre(2, 3));
  pbt->Wait(0, 2, 1);
  pbt->Wait(1, 2, 0);
  EXPECT_EQ(pbt->NextFork(), (Fork{1, 0, 2, 3})) << "of two one is the worst";
}

TEST(PbtTest, ParentsAreDrawnFromTheSeed) {
  const auto parents = [](uint64_t seed) {
    const auto pbt = Pbt(40, 0.5, 4, seed);
    for (int64_t trial = 0; trial < 40; ++trial) pbt->Begin(trial);
    for (int64_t trial = 0; trial < 40; ++trial) pbt->Wait(trial, 1, static_cast<double>(trial));
    std::vector<int64_t> drawn;
    for (const Fork& fork : MakeForks(*pbt, 40)) drawn.push_back(fork.parent);
    return drawn;
  };
  const std::vector<int64_t> drawn = parents(1);
  EXPECT_EQ(drawn, parents(1));
  EXPECT_NE(drawn, parents(2));
  EXPECT_THAT(drawn, SizeIs(20));
  EXPECT_THAT(drawn, testing::Each(testing::Lt(20)));
  EXPECT_GT(std::set<int64_t>(drawn.begin(), drawn.end()).size(), 8u);
}

}  // namespace
}  // namespace tpsweep::server
