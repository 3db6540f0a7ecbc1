#include "worker/trainer/run/schedule.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>
#include <vector>

namespace tpsweep::trainer {
namespace {

v1::TrainingSpec Spec(int pretraining, int extra_minibatches, int extra_epochs,
                      bool separate = false) {
  v1::TrainingSpec spec;
  spec.set_batch_size(4);
  auto& feedback = *spec.mutable_feedback_schedule();
  feedback.set_pretraining_epochs(pretraining);
  feedback.set_extra_minibatches(extra_minibatches);
  feedback.set_extra_epochs(extra_epochs);
  feedback.set_separate(separate);
  return spec;
}

// Goes through `epochs` epochs as a run does, and counts by itself.
void CheckCounts(const Schedule& schedule, int epochs) {
  Position at = schedule.Start();
  int64_t steps = 0, feedback_steps = 0;
  while (at.epoch < epochs) {
    ASSERT_TRUE(schedule.IsLegal(at));
    ASSERT_EQ(schedule.Steps(at), steps);
    ASSERT_EQ(schedule.FeedbackSteps(at), feedback_steps);
    if (at.phase != Phase::kTraining) {
      ++feedback_steps;
      schedule.FinishBatch(at);
      continue;
    }
    if (schedule.has_feedback_within_steps()) ++feedback_steps;
    ++at.extra;
    if (at.extra == schedule.extra_minibatches()) {
      ++steps;
      schedule.FinishBatch(at);
    }
  }
}

TEST(Schedule, CountsFollowFromThePosition) {
  for (const int pretraining : {0, 2}) {
    for (const int extra_minibatches : {0, 3}) {
      for (const int extra_epochs : {0, 2}) {
        const Schedule schedule(Spec(pretraining, extra_minibatches, extra_epochs), true, 10);
        EXPECT_EQ(schedule.batches_per_pass(), 3);
        CheckCounts(schedule, 3);
        Position end;
        end.epoch = 3;
        EXPECT_EQ(schedule.Steps(end), 9);
        EXPECT_EQ(schedule.FeedbackSteps(end),
                  9 * (1 + extra_minibatches) + 3 * (pretraining + 3 * extra_epochs));
      }
    }
  }
}

TEST(Schedule, WithoutLearnedFeedbackThereAreTrainingPassesOnly) {
  const Schedule schedule(Spec(2, 3, 2), false, 8);
  Position at = schedule.Start();
  EXPECT_EQ(at.phase, Phase::kTraining);
  schedule.FinishBatch(at);
  schedule.FinishBatch(at);
  EXPECT_EQ(at.epoch, 1);
  EXPECT_TRUE(schedule.IsBetweenEpochs(at));
  EXPECT_EQ(schedule.FeedbackSteps(at), 0);
  EXPECT_EQ(schedule.extra_minibatches(), 0);
}

TEST(Schedule, PassesOfFeedbackAloneAreNumberedThroughTheRun) {
  const Schedule schedule(Spec(2, 0, 3), true, 4);
  std::vector<int64_t> passes;
  Position at = schedule.Start();
  while (at.epoch < 2) {
    if (at.phase != Phase::kTraining) passes.push_back(schedule.FeedbackPass(at));
    schedule.FinishBatch(at);
  }
  EXPECT_EQ(passes, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

// A feedback pass, then a training pass, in every epoch.
TEST(Schedule, SeparateAlternatesWholePasses) {
  const Schedule schedule(Spec(1, 0, 1, /*separate=*/true), true, 6);
  EXPECT_FALSE(schedule.has_feedback_within_steps());
  std::vector<std::pair<Phase, int64_t>> order;
  Position at = schedule.Start();
  while (at.epoch < 2) {
    order.emplace_back(at.phase, at.batch);
    schedule.FinishBatch(at);
  }
  const std::vector<std::pair<Phase, int64_t>> epoch = {
      {Phase::kSeparatePass, 0}, {Phase::kSeparatePass, 1}, {Phase::kTraining, 0},
      {Phase::kTraining, 1},     {Phase::kExtraPasses, 0},  {Phase::kExtraPasses, 1}};
  std::vector<std::pair<Phase, int64_t>> expected = {{Phase::kPretraining, 0},
                                                     {Phase::kPretraining, 1}};
  for (int i = 0; i < 2; ++i) expected.insert(expected.end(), epoch.begin(), epoch.end());
  EXPECT_EQ(order, expected);
  EXPECT_EQ(at.phase, Phase::kSeparatePass);
  EXPECT_TRUE(schedule.IsBetweenEpochs(at));
}

TEST(Schedule, CountsOfSeparatePasses) {
  for (const int pretraining : {0, 2}) {
    for (const int extra_epochs : {0, 2}) {
      // There are no feedback steps within a step, so there is nothing extra to them.
      const Schedule schedule(Spec(pretraining, 3, extra_epochs, true), true, 10);
      EXPECT_EQ(schedule.extra_minibatches(), 0);
      CheckCounts(schedule, 3);
      Position end;
      end.epoch = 3;
      end.phase = Phase::kSeparatePass;
      EXPECT_EQ(schedule.Steps(end), 9);
      EXPECT_EQ(schedule.FeedbackSteps(end), 3 * (pretraining + 3 * (1 + extra_epochs)));
      EXPECT_EQ(schedule.FeedbackPass(end), pretraining + 3 * (1 + extra_epochs));
    }
  }
}

TEST(Schedule, KnowsWhereNoSeparateRunEverIs) {
  const Schedule schedule(Spec(1, 3, 2, true), true, 10);
  EXPECT_TRUE(schedule.IsLegal({4, Phase::kSeparatePass, 0, 2, -1}));
  EXPECT_TRUE(schedule.IsLegal({4, Phase::kTraining, 0, 2, -1}));
  EXPECT_FALSE(schedule.IsLegal({4, Phase::kSeparatePass, 1, 2, -1}));
  EXPECT_FALSE(schedule.IsLegal({4, Phase::kSeparatePass, 0, 3, -1}));
  EXPECT_FALSE(schedule.IsLegal({4, Phase::kSeparatePass, 0, 2, 0}));
  EXPECT_FALSE(schedule.IsLegal({4, Phase::kTraining, 0, 2, 0}));
  EXPECT_FALSE(schedule.IsBetweenEpochs({4, Phase::kTraining, 0, 0, -1}));
  EXPECT_TRUE(schedule.IsBetweenEpochs({0, Phase::kPretraining, 0, 0, -1}));
  EXPECT_FALSE(schedule.IsBetweenEpochs({0, Phase::kSeparatePass, 0, 0, -1}));
}

TEST(Schedule, KnowsWhereNoRunEverIs) {
  const Schedule schedule(Spec(2, 3, 2), true, 10);
  const auto legal = [&](int64_t epoch, Phase phase, int64_t pass, int64_t batch, int64_t extra) {
    return schedule.IsLegal({epoch, phase, pass, batch, extra});
  };
  EXPECT_TRUE(legal(0, Phase::kPretraining, 1, 2, -1));
  EXPECT_TRUE(legal(5, Phase::kTraining, 0, 2, 2));
  EXPECT_TRUE(legal(5, Phase::kExtraPasses, 1, 0, -1));
  EXPECT_FALSE(legal(1, Phase::kPretraining, 0, 0, -1));
  EXPECT_FALSE(legal(0, Phase::kPretraining, 2, 0, -1));
  EXPECT_FALSE(legal(-1, Phase::kTraining, 0, 0, -1));
  EXPECT_FALSE(legal(0, Phase::kTraining, 1, 0, -1));
  EXPECT_FALSE(legal(0, Phase::kTraining, 0, 3, -1));
  EXPECT_FALSE(legal(0, Phase::kTraining, 0, -1, -1));
  EXPECT_FALSE(legal(0, Phase::kTraining, 0, 0, 3));
  EXPECT_FALSE(legal(0, Phase::kTraining, 0, 0, -2));
  EXPECT_FALSE(legal(0, Phase::kExtraPasses, 2, 0, -1));
  EXPECT_FALSE(legal(0, Phase::kExtraPasses, 0, 0, 0));
  EXPECT_FALSE(legal(0, static_cast<Phase>(3), 0, 0, -1));
  EXPECT_FALSE(legal(0, static_cast<Phase>(std::numeric_limits<int64_t>::min()), 0, 0, -1));
}

}  // namespace
}  // namespace tpsweep::trainer
