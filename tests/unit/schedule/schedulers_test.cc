#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/schedule/rungs.h"
#include "server/schedule/scheduler.h"
#include "tests/fakes/scheduled_run.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::Optional;

using Advance = Scheduler::Advance;

v1::StudySpec SpecOf(int64_t epochs) {
  v1::StudySpec spec;
  spec.mutable_training()->set_epochs(static_cast<int32_t>(epochs));
  return spec;
}
std::unique_ptr<Scheduler> Asha(int64_t epochs, v1::AshaForm form = v1::ASHA_FORM_PROMOTE) {
  v1::StudySpec spec = SpecOf(epochs);
  v1::AshaScheduler& asha = *spec.mutable_search()->mutable_scheduler()->mutable_asha();
  asha.set_first_epoch(1);
  asha.set_eta(3);
  asha.set_form(form);
  return MakeScheduler(spec);
}
std::unique_ptr<Scheduler> Hyperband(int64_t epochs) {
  v1::StudySpec spec = SpecOf(epochs);
  v1::HyperbandScheduler& hyperband =
      *spec.mutable_search()->mutable_scheduler()->mutable_hyperband();
  hyperband.set_first_epoch(1);
  hyperband.set_eta(3);
  return MakeScheduler(spec);
}
std::unique_ptr<Scheduler> Pasha(int64_t epochs) {
  v1::StudySpec spec = SpecOf(epochs);
  v1::PashaScheduler& pasha = *spec.mutable_search()->mutable_scheduler()->mutable_pasha();
  pasha.set_first_epoch(1);
  pasha.set_eta(3);
  return MakeScheduler(spec);
}

TEST(GeometricRungsTest, EndAtTheLastEpoch) {
  EXPECT_THAT(GeometricRungs(1, 3, 9), ElementsAre(1, 3, 9));
  EXPECT_THAT(GeometricRungs(1, 3, 10), ElementsAre(1, 3, 9, 10));
  EXPECT_THAT(GeometricRungs(2, 2, 3), ElementsAre(2, 3));
  EXPECT_THAT(GeometricRungs(5, 3, 5), ElementsAre(5));
  EXPECT_THAT(GeometricRungs(1, 1000, int64_t{1} << 62).size(), 8u);
}

TEST(AshaTest, PromotesTheBestThirdAndFirstFromTheTop) {
  const auto asha = Asha(9);
  for (int64_t trial = 0; trial < 9; ++trial) {
    EXPECT_EQ(asha->FirstStop(trial), 1);
    asha->Begin(trial);
  }
  asha->Wait(0, 1, 0.5);
  asha->Wait(1, 1, 0.6);
  EXPECT_EQ(asha->Next(), std::nullopt) << "of two nobody is among the best third";
  asha->Wait(2, 1, 0.7);
  EXPECT_THAT(asha->Next(), Optional(Advance{0, 3}));
  asha->GoOn(0, 3);
  EXPECT_EQ(asha->Next(), std::nullopt);
  // One who comes later and is better goes on too; the first stays where it is.
  asha->Wait(3, 1, 0.1);
  asha->Wait(4, 1, 0.2);
  EXPECT_THAT(asha->Next(), Optional(Advance{3, 3}));
  asha->GoOn(3, 3);
  asha->Wait(5, 1, 0.9);
  EXPECT_THAT(asha->Next(), Optional(Advance{4, 3}));
  asha->GoOn(4, 3);
  asha->Wait(0, 3, 0.4);
  asha->Wait(3, 3, 0.05);
  asha->Wait(4, 3, 0.06);
  for (int64_t trial = 6; trial < 9; ++trial) asha->Wait(trial, 1, 0.3);
  // Trial 0 was one of the best three when it was promoted; 6 to 8 are no better than it
  // was needed to be now.
  EXPECT_THAT(asha->Next(), Optional(Advance{3, 9})) << "the highest rung first";
  asha->GoOn(3, 9);
  EXPECT_THAT(asha->Next(), Optional(Advance{6, 3})) << "ties by number";
}

TEST(AshaTest, DivergedTrialsCountAsTheWorst) {
  const auto asha = Asha(9);
  for (int64_t trial = 0; trial < 3; ++trial) asha->Begin(trial);
  asha->End(0, true);
  asha->Wait(1, 1, NAN);
  asha->Wait(2, 1, 0.9);
  EXPECT_THAT(asha->Next(), Optional(Advance{2, 3}));
  asha->GoOn(2, 3);
  for (int64_t trial = 3; trial < 6; ++trial) {
    asha->Begin(trial);
    asha->End(trial, true);
  }
  EXPECT_EQ(asha->Next(), std::nullopt) << "what is not a number is never promoted";
}

TEST(AshaTest, TheStoppingFormJudgesByThoseThatWereThere) {
  const auto asha = Asha(9, v1::ASHA_FORM_STOP);
  for (int64_t trial = 0; trial < 4; ++trial) asha->Begin(trial);
  asha->Wait(0, 1, 0.9);
  EXPECT_THAT(asha->Next(), Optional(Advance{0, 3})) << "the first always passes";
  asha->GoOn(0, 3);
  asha->Wait(1, 1, 0.95);
  EXPECT_EQ(asha->Next(), std::nullopt);
  EXPECT_THAT(asha->Beaten(), Optional(1));
  asha->End(1, false);
  asha->Wait(2, 1, 0.5);
  EXPECT_THAT(asha->Next(), Optional(Advance{2, 3}));
  asha->GoOn(2, 3);
  EXPECT_EQ(asha->Beaten(), std::nullopt);
}

TEST(MedianTest, StopsWhatIsWorseThanTheMedianOfTheOthersMeans) {
  v1::StudySpec spec = SpecOf(10);
  v1::MedianScheduler& median = *spec.mutable_search()->mutable_scheduler()->mutable_median();
  median.set_first_epoch(2);
  median.set_every(2);
  median.set_min_trials(3);
  const auto scheduler = MakeScheduler(spec);
  for (int64_t trial = 0; trial < 5; ++trial) {
    EXPECT_EQ(scheduler->FirstStop(trial), 2);
    scheduler->Begin(trial);
  }
  const std::vector<double> first = {0.5, 0.3, 0.9};
  for (int64_t trial = 0; trial < 3; ++trial) {
    scheduler->Wait(trial, 2, first[static_cast<size_t>(trial)]);
    EXPECT_THAT(scheduler->Next(), Optional(Advance{trial, 4})) << "too few to judge";
    scheduler->GoOn(trial, 4);
  }
  scheduler->Wait(3, 2, 0.51);  // the median of the others is 0.5
  EXPECT_THAT(scheduler->Beaten(), Optional(3));
  scheduler->End(3, false);
  // Means up to epoch 4: 0.4, 0.25, 0.8. The best value of trial 4 counts: 0.4.
  scheduler->Wait(0, 4, 0.3);
  scheduler->GoOn(0, 6);
  scheduler->Wait(1, 4, 0.2);
  scheduler->GoOn(1, 6);
  scheduler->Wait(2, 4, 0.7);
  EXPECT_EQ(scheduler->Beaten(), std::nullopt) << "two others have been there";
  scheduler->GoOn(2, 6);
  scheduler->Wait(4, 2, 0.4);
  scheduler->GoOn(4, 4);
  scheduler->Wait(4, 4, 0.9);
  EXPECT_THAT(scheduler->Next(), Optional(Advance{4, 6}));
}

TEST(HyperbandTest, HasTheBracketsOfThePaper) {
  // R = 81, eta = 3: brackets of 81, 34, 15, 8, 5 trials that begin at 1, 3, 9, 27, 81.
  const auto hyperband = Hyperband(81);
  const std::vector<std::pair<int64_t, int64_t>> brackets = {{81, 1}, {34, 3}, {15, 9},
                                                             {8, 27}, {5, 81}, {81, 1}};
  int64_t trial = 0;
  for (const auto& [size, first] : brackets) {
    for (int64_t i = 0; i < size; ++i) ASSERT_EQ(hyperband->FirstStop(trial++), first) << trial;
  }
}

TEST(HyperbandTest, ARoundTrainsAsManyAtEachRungAsThePaperSays) {
  const auto hyperband = Hyperband(81);
  ScheduledRun run(*hyperband, 143, 81,
                   [](int64_t trial, int64_t) { return static_cast<double>(trial * 37 % 143); });
  run.Train(4);
  // 1: 81 trials; 3: 27 + 34; 9: 9 + 11 + 15; 27: 3 + 3 + 5 + 8; 81: 1 + 1 + 1 + 2 + 5.
  EXPECT_EQ(run.NumAt(1), 143);
  EXPECT_EQ(run.NumAt(3), 27 + 62);
  EXPECT_EQ(run.NumAt(9), 9 + 11 + 28);
  EXPECT_EQ(run.NumAt(27), 3 + 3 + 5 + 13);
  EXPECT_EQ(run.NumAt(81), 1 + 1 + 1 + 2 + 5);
}

TEST(OneEpochTest, TheBestGoOnWhenAllAreThere) {
  v1::StudySpec spec = SpecOf(20);
  v1::OneEpochScheduler& one = *spec.mutable_search()->mutable_scheduler()->mutable_one_epoch();
  one.set_first_epoch(1);
  one.set_best(2);
  const auto scheduler = MakeScheduler(spec);
  ScheduledRun run(*scheduler, 10, 20,
                   [](int64_t trial, int64_t) { return static_cast<double>((trial + 4) % 10); });
  run.Train(3);
  EXPECT_EQ(run.reached().at(6), 20);
  EXPECT_EQ(run.reached().at(7), 20);
  EXPECT_EQ(run.NumAt(20), 2);
  EXPECT_EQ(run.stopped().size(), 8u);
}

TEST(PashaTest, StaysLowWhileTheOrderIsStable) {
  const auto pasha = Pasha(81);
  ScheduledRun run(*pasha, 100, 81, [](int64_t trial, int64_t epochs) {
    return static_cast<double>(trial * 37 % 100) / static_cast<double>(epochs);
  });
  run.Train(1);
  EXPECT_GT(run.NumAt(9), 3);
  EXPECT_EQ(run.NumAt(10), 0);
}

TEST(PashaTest, RisesWhenTheOrderChanges) {
  const auto pasha = Pasha(81);
  ScheduledRun run(*pasha, 100, 81, [](int64_t trial, int64_t epochs) {
    return static_cast<double>(trial * (epochs * 29 + 13) % 101);
  });
  run.Train(1);
  EXPECT_GT(run.NumAt(81), 0);
}

TEST(AshaTest, TrainsFewToTheEnd) {
  const auto asha = Asha(81);
  ScheduledRun run(*asha, 243, 81,
                   [](int64_t trial, int64_t) { return static_cast<double>(trial * 37 % 243); });
  run.Train(4);
  EXPECT_EQ(run.reached().size(), 243u);
  // Without mistakes 3; what comes early is promoted although better ones come later.
  EXPECT_GE(run.NumAt(81), 3);
  EXPECT_LE(run.NumAt(81), 12);
  EXPECT_EQ(run.reached().at(0), 81) << "the best of all gets to the end";
}

}  // namespace
}  // namespace tpsweep::server
