#include "server/coordinator/compaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/coordinator/change.h"
#include "server/coordinator/read_all.h"
#include "server/store/memory_store.h"
#include "tests/fakes/faulty_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kEnd = absl::FromUnixSeconds(1'800'000'000);
const absl::Time kNow = kEnd + absl::Hours(24);

class CompactionTest : public testing::Test {
 protected:
  // A trial of two runs that have ended; validation/error of each after each epoch.
  void AddStudy(const std::string& id, const std::vector<std::vector<double>>& errors,
                std::vector<int64_t> rungs = {}) {
    WriteBatch batch;
    v1::Study& study = batch.studies.emplace_back(MakeStudy(id, v1::STUDY_STATE_COMPLETED));
    study.mutable_spec()->mutable_objective()->set_metric("validation/error");
    study.mutable_spec()->mutable_objective()->set_goal(v1::GOAL_MINIMIZE);
    *study.mutable_end_time() = ToProto(kEnd);
    v1::Trial& trial = batch.trials.emplace_back(MakeTrial(id, 0, v1::TRIAL_STATE_SUCCEEDED, 0.5));
    for (const int64_t epochs : rungs) trial.add_rungs()->set_epochs(epochs);
    for (size_t replicate = 0; replicate < errors.size(); ++replicate) {
      const auto number = static_cast<int64_t>(replicate);
      batch.runs.push_back(MakeRun(id, 0, number, v1::RUN_STATE_SUCCEEDED, 1));
      batch.attempts.push_back(MakeAttempt(id, 0, number, 1, v1::ATTEMPT_OUTCOME_COMPLETED));
      for (size_t i = 0; i < errors[replicate].size(); ++i) {
        batch.measurements.push_back(
            MakeMeasurement(batch.attempts.back(), static_cast<int64_t>(i) + 1));
        auto& measurement = *batch.measurements.back().mutable_measurement();
        measurement.set_epoch(static_cast<int64_t>(i));
        (*measurement.mutable_scalars())["validation/error"] = errors[replicate][i];
      }
    }
    TP_ASSERT_OK(store_.Commit({&batch, 1}));
  }

  absl::StatusOr<std::vector<CompactedStudy>> Run(CompactionOptions options = {kNow, 10, false}) {
    return Compact(options, store_, kNow);
  }

  std::vector<int64_t> Epochs(const std::string& run, bool all_attempts = false) {
    const auto page = store_.ListMeasurements({run, all_attempts}, {1000, ""});
    std::vector<int64_t> epochs;
    for (const auto& record : page->items) epochs.push_back(record.measurement().epoch());
    return epochs;
  }

  MemoryStore store_;
};

// Epochs 0 to `last`, the best of them `best`.
std::vector<double> Errors(int last, int best) {
  std::vector<double> errors(static_cast<size_t>(last) + 1, 0.5);
  errors[static_cast<size_t>(best)] = 0.25;
  return errors;
}

TEST_F(CompactionTest, LeavesEveryNthEpochAndThoseThatMatterInAllReplicates) {
  AddStudy("s", {Errors(33, 7), Errors(25, 14)}, {3, 9});
  TP_ASSERT_OK_AND_ASSIGN(const auto studies, Run());
  ASSERT_EQ(studies.size(), 1);
  EXPECT_EQ(studies[0].name, "s");
  EXPECT_EQ(studies[0].measurements, 34 + 26);
  EXPECT_EQ(studies[0].removed, 34 + 26 - 10 - 8);
  EXPECT_THAT(Epochs("studies/s/trials/0/runs/0"), ElementsAre(0, 3, 7, 9, 10, 14, 20, 25, 30, 33));
  EXPECT_THAT(Epochs("studies/s/trials/0/runs/1"), ElementsAre(0, 3, 7, 9, 10, 14, 20, 25));
}

TEST_F(CompactionTest, KeepsTheEpochThatWasSelected) {
  AddStudy("s", {Errors(12, 0)});
  WriteBatch batch;
  batch.measurements.push_back(MakeMeasurement(MakeAttempt("s", 0, 0, 1), 14));
  batch.measurements[0].mutable_measurement()->set_epoch(13);
  (*batch.measurements[0].mutable_measurement()->mutable_scalars())["selected/epoch"] = 6;
  TP_ASSERT_OK(store_.Commit({&batch, 1}));
  TP_ASSERT_OK(Run().status());
  EXPECT_THAT(Epochs("studies/s/trials/0/runs/0"), ElementsAre(0, 6, 10, 13));
}

TEST_F(CompactionTest, KeepsTheLargestIfThatIsTheGoal) {
  AddStudy("s", {{0.5, 0.1, 0.2, 0.9, 0.5, 0.5}});
  TP_ASSERT_OK_AND_ASSIGN(v1::Study study, store_.GetStudy("studies/s"));
  study.mutable_spec()->mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
  const WriteBatch batch = {.studies = {study}};
  TP_ASSERT_OK(store_.Commit({&batch, 1}));
  TP_ASSERT_OK(Run().status());
  EXPECT_THAT(Epochs("studies/s/trials/0/runs/0"), ElementsAre(0, 3, 5));
}

TEST_F(CompactionTest, WhatDoesNotCountGoes) {
  AddStudy("s", {Errors(20, 0)});
  v1::Attempt later = MakeAttempt("s", 0, 0, 2, v1::ATTEMPT_OUTCOME_COMPLETED);
  later.set_start_sequence(16);  // epoch 15
  WriteBatch batch = {.attempts = {later}};
  for (int64_t epoch = 16; epoch <= 22; ++epoch) {
    batch.measurements.push_back(MakeMeasurement(later, epoch + 1));
    batch.measurements.back().mutable_measurement()->set_epoch(epoch);
    batch.measurements.back().mutable_measurement()->clear_scalars();
  }
  TP_ASSERT_OK(store_.Commit({&batch, 1}));
  TP_ASSERT_OK(Run().status());
  EXPECT_THAT(Epochs("studies/s/trials/0/runs/0", true), ElementsAre(0, 10, 20, 22));
}

TEST_F(CompactionTest, SaysSoInTheStudyAndItsStory) {
  AddStudy("s", {Errors(20, 0)});
  TP_ASSERT_OK(Run().status());
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, store_.GetStudy("studies/s"));
  EXPECT_EQ(study.compaction().keep_every(), 10);
  EXPECT_EQ(FromProto(study.compaction().time()), kNow);
  TP_ASSERT_OK_AND_ASSIGN(const auto events, store_.ListEvents("studies/s", 0, 10));
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].type(), "study.compacted");
  EXPECT_EQ(events[0].message(), "18 of 21 measurements removed; left is one epoch in 10");
}

TEST_F(CompactionTest, TakesEachStudyOnceUnlessItIsToLoseMoreOrHasGoneOn) {
  AddStudy("s", {Errors(40, 0)});
  TP_ASSERT_OK(Run().status());
  EXPECT_THAT(Run(), IsOkAndHolds(IsEmpty()));
  TP_ASSERT_OK_AND_ASSIGN(const auto again, Run({kNow, 20, false}));
  ASSERT_EQ(again.size(), 1);
  EXPECT_EQ(again[0].removed, 2);
  EXPECT_THAT(Epochs("studies/s/trials/0/runs/0"), ElementsAre(0, 20, 40));

  TP_ASSERT_OK_AND_ASSIGN(v1::Study study, store_.GetStudy("studies/s"));
  *study.mutable_end_time() = ToProto(kNow + absl::Hours(1));
  const WriteBatch batch = {.studies = {study}};
  TP_ASSERT_OK(store_.Commit({&batch, 1}));
  TP_ASSERT_OK_AND_ASSIGN(const auto later, Run({kNow + absl::Hours(2), 20, false}));
  EXPECT_EQ(later.size(), 1);
}

TEST_F(CompactionTest, LeavesStudiesAloneThatGoOnOrHaveJustEnded) {
  AddStudy("s", {Errors(20, 0)});
  EXPECT_THAT(Run({kEnd, 10, false}), IsOkAndHolds(IsEmpty()));
  TP_ASSERT_OK_AND_ASSIGN(v1::Study study, store_.GetStudy("studies/s"));
  study.set_state(v1::STUDY_STATE_PAUSED);
  const WriteBatch batch = {.studies = {study}};
  TP_ASSERT_OK(store_.Commit({&batch, 1}));
  EXPECT_THAT(Run(), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(Epochs("studies/s/trials/0/runs/0").size(), 21);
}

TEST_F(CompactionTest, ADryRunChangesNothing) {
  AddStudy("s", {Errors(20, 0)});
  TP_ASSERT_OK_AND_ASSIGN(const auto studies, Run({kNow, 10, true}));
  ASSERT_EQ(studies.size(), 1);
  EXPECT_EQ(studies[0].removed, 18);
  EXPECT_EQ(Epochs("studies/s/trials/0/runs/0").size(), 21);
  EXPECT_FALSE(store_.GetStudy("studies/s")->has_compaction());
  EXPECT_THAT(store_.LastRevision(), IsOkAndHolds(0));
}

// A run of more epochs than go in one commit, so that there are several.
TEST_F(CompactionTest, GoesOnAfterAnEndHalfWay) {
  AddStudy("a", {Errors(6000, 0)});
  AddStudy("b", {Errors(20, 0)});
  FaultyStore faulty(store_);
  faulty.Plan({FaultyStore::Fault::kNone, FaultyStore::Fault::kFail});
  EXPECT_THAT(Compact({kNow, 10, false}, faulty, kNow), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(store_.GetStudy("studies/a")->has_compaction());
  EXPECT_EQ(Epochs("studies/a/trials/0/runs/0").size(), 601);

  TP_ASSERT_OK_AND_ASSIGN(const auto studies, Run());
  ASSERT_EQ(studies.size(), 2);
  EXPECT_EQ(studies[0].removed, 0);
  EXPECT_EQ(studies[1].removed, 18);
  EXPECT_TRUE(store_.GetStudy("studies/a")->has_compaction());
}

}  // namespace
}  // namespace tpsweep::server
