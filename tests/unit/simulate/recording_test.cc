#include "server/simulate/recording.h"

#include <gmock/gmock.h>

#include <limits>

#include "server/store/memory_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"
#include "tests/unit/simulate/recording_specs.h"

namespace tpsweep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A study of four runs of three epochs: whole, diverged after the first, failed in the
// second, and trained on to a fourth.
void FillStore(MemoryStore& store) {
  WriteBatch batch;
  v1::Study study = MakeStudy("s", v1::STUDY_STATE_COMPLETED);
  *study.mutable_spec() = MakeRecording(2).spec();
  study.mutable_spec()->mutable_training()->set_epochs(3);
  study.mutable_spec()->mutable_objective()->set_metric("validation/error");
  batch.studies.push_back(study);
  const v1::RunState states[] = {v1::RUN_STATE_SUCCEEDED, v1::RUN_STATE_INFEASIBLE,
                                 v1::RUN_STATE_FAILED, v1::RUN_STATE_SUCCEEDED};
  const int epochs[] = {3, 1, 2, 4};
  for (int i = 0; i < 4; ++i) {
    batch.trials.push_back(MakeTrial("s", i));
    batch.runs.push_back(MakeRun("s", i, 0, states[i], 1));
    batch.attempts.push_back(MakeAttempt("s", i, 0, 1, v1::ATTEMPT_OUTCOME_COMPLETED));
    for (int epoch = 1; epoch <= epochs[i]; ++epoch) {
      v1::MeasurementRecord record = MakeMeasurement(batch.attempts.back(), epoch);
      (*record.mutable_measurement()->mutable_scalars())["seconds"] = 0.5 * epoch;
      batch.measurements.push_back(record);
    }
  }
  ASSERT_THAT(store.Commit({batch}), IsOk());
}

TEST(RecordingTest, HasTheRunsThatEndedByThemselves) {
  MemoryStore store;
  FillStore(store);
  const auto recording = Record(store, "s");
  ASSERT_THAT(recording, IsOk());
  ASSERT_EQ(recording->curves_size(), 2);
  EXPECT_THAT(recording->curves(0).objective(), ElementsAre(1.0 / 2, 1.0 / 3, 1.0 / 4));
  EXPECT_EQ(recording->curves(0).epoch_seconds(), 1) << "the mean of 0.5, 1 and 1.5";
  EXPECT_EQ(recording->curves(0).parameters(0).value().number_value(), 0.5);
  EXPECT_EQ(recording->curves(1).trial(), 1);
  EXPECT_THAT(recording->curves(1).objective(), ElementsAre(1.0 / 2));
}

TEST(RecordingTest, SaysWhatIsMissing) {
  MemoryStore store;
  FillStore(store);
  EXPECT_THAT(Record(store, "t"), StatusIs(absl::StatusCode::kNotFound));
  WriteBatch batch;
  v1::Study study = MakeStudy("empty", v1::STUDY_STATE_COMPLETED);
  study.mutable_spec()->mutable_objective()->set_metric("test/error");
  study.mutable_spec()->mutable_training()->set_epochs(3);
  batch.studies.push_back(study);
  ASSERT_THAT(store.Commit({batch}), IsOk());
  EXPECT_THAT(Record(store, "empty"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                               HasSubstr("'test/error' after each of 3 epochs")));
}

TEST(RecordingTest, RefusesWhatHasBeenThinnedOut) {
  MemoryStore store;
  WriteBatch batch = {.studies = {MakeStudy("thin", v1::STUDY_STATE_COMPLETED)}};
  batch.studies[0].mutable_compaction()->set_keep_every(10);
  TP_ASSERT_OK(store.Commit({&batch, 1}));
  EXPECT_THAT(Record(store, "thin"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("to one epoch in 10")));
}

TEST(RecordingTest, ItsTextIsReadAgain) {
  const v1::Recording recording = MakeRecording(5);
  const auto read = ParseRecording(ToText(recording), "curves.json");
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->curves_size(), 5);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(read->curves(i).SerializeAsString(), recording.curves(i).SerializeAsString()) << i;
  }
}

TEST(RecordingTest, ForeignTextIsNotTrusted) {
  const auto error = [](const v1::Recording& recording) {
    return std::string(ParseRecording(ToText(recording), "c.json").status().message());
  };
  EXPECT_THAT(std::string(ParseRecording("{", "c.json").status().message()),
              HasSubstr("c.json: is not a recording"));
  v1::Recording none = MakeRecording(2);
  none.clear_curves();
  EXPECT_THAT(error(none), HasSubstr("has no curves"));
  v1::Recording illegal = MakeRecording(2);
  illegal.mutable_spec()->mutable_training()->set_batch_size(-1);
  EXPECT_THAT(error(illegal), HasSubstr("spec: training.batch_size: -1"));
  v1::Recording too_long = MakeRecording(2);
  too_long.mutable_curves(1)->add_objective(1);
  EXPECT_THAT(error(too_long), HasSubstr("trial 1: objective has 10 values, and 9 epochs"));
  v1::Recording infinite = MakeRecording(2);
  infinite.mutable_curves(0)->set_objective(2, std::numeric_limits<double>::infinity());
  EXPECT_THAT(error(infinite), HasSubstr("trial 0: objective: inf is no number"));
  v1::Recording backward = MakeRecording(2);
  backward.mutable_curves(0)->set_epoch_seconds(-1);
  EXPECT_THAT(error(backward), HasSubstr("epoch_seconds: -1 is not a time"));
}

v1::Trial At(double lr) {
  v1::Trial trial;
  v1::Assignment& assignment = *trial.add_parameters();
  assignment.set_path("training.forward.lr");
  *assignment.mutable_value() = Number(lr);
  return trial;
}

TEST(RecordedCurvesTest, TheNearestIsThatOnTheScaleOfTheSpace) {
  const RecordedCurves curves(MakeRecording(5));  // 1e-5, 1e-4, ..., 1e-1
  EXPECT_EQ(curves.Nearest(At(1e-3)), 2);
  EXPECT_EQ(curves.Nearest(At(2.9e-4)), 1) << "below the geometric mean";
  EXPECT_EQ(curves.Nearest(At(3.3e-4)), 2);
  EXPECT_EQ(curves.Nearest(At(1e-1)), 4);
}

TEST(RecordedCurvesTest, ReplicatesAreThoseRecordedAgainAndAgain) {
  v1::Recording recording = MakeRecording(2);
  v1::Curve second = recording.curves(0);
  second.set_replicate(1);
  second.set_objective(kRecordedEpochs - 1, 10);
  second.set_epoch_seconds(4);
  *recording.add_curves() = second;
  const RecordedCurves curves(recording);
  EXPECT_EQ(curves.size(), 2);
  EXPECT_EQ(curves.Objective(0, 1, kRecordedEpochs), 10);
  EXPECT_EQ(curves.Objective(0, 2, kRecordedEpochs), curves.Objective(0, 0, kRecordedEpochs));
  EXPECT_EQ(curves.EpochSeconds(0), 3);
  EXPECT_EQ(curves.Final(0), (10 + ObjectiveOf(1e-5, kRecordedEpochs)) / 2);
}

TEST(RecordedCurvesTest, WhatDivergedHasNoValueFromThere) {
  v1::Recording recording = MakeRecording(2);
  recording.mutable_curves(0)->mutable_objective()->Truncate(4);
  const RecordedCurves curves(recording);
  EXPECT_EQ(curves.Objective(0, 0, 4), ObjectiveOf(1e-5, 4));
  EXPECT_TRUE(std::isnan(curves.Objective(0, 0, 5)));
  EXPECT_TRUE(std::isinf(curves.Final(0)));
  EXPECT_EQ(curves.Best(), curves.Final(1));
}

TEST(RecordedCurvesTest, WhatIsMaximisedIsBestWhereItIsLargest) {
  v1::Recording recording = MakeRecording(5);
  recording.mutable_spec()->mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
  const RecordedCurves curves(recording);
  EXPECT_EQ(curves.Best(), -ObjectiveOf(1e-5, kRecordedEpochs));
}

TEST(RecordedCurvesTest, TheBestSoFarIsThatOfTheEpochsBefore) {
  v1::Recording recording = MakeRecording(2);
  for (int i = 0; i < 2; ++i) {
    auto& objective = *recording.mutable_curves(i)->mutable_objective();
    objective.Clear();
    for (const double value : {0.5, 0.3, 0.4, 0.2, 0.6}) objective.Add(value);
  }
  v1::Recording maximised = recording;
  maximised.mutable_spec()->mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
  TakeBestSoFar(recording);
  TakeBestSoFar(maximised);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(recording.curves(i).objective(), ElementsAre(0.5, 0.3, 0.3, 0.2, 0.2));
    EXPECT_THAT(maximised.curves(i).objective(), ElementsAre(0.5, 0.5, 0.5, 0.5, 0.6));
  }
}

}  // namespace
}  // namespace tpsweep::server
