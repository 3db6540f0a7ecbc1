// What every store must do, run over all engines.
#include "tests/conformance/store_conformance.h"

#include <limits>

namespace tpsweep::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(AllEngines, StoreConformance, testing::ValuesIn(StoreEngines()),
                         [](const testing::TestParamInfo<StoreEngine>& row) {
                           return row.param.name;
                         });

TEST_P(StoreConformance, EmptyStoreHasNothing) {
  EXPECT_THAT(Studies({}), IsEmpty());
  EXPECT_THAT(store_->OpenAttempts(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store_->LastRevision(), IsOkAndHolds(0));
  EXPECT_THAT(store_->ListEvents("", 0, 10), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store_->LastSequence("studies/s/trials/0/runs/0/attempts/1"), IsOkAndHolds(0));
  TP_EXPECT_OK(store_->Commit({}));
}

TEST_P(StoreConformance, RecordsComeBackWhole) {
  WriteBatch batch;
  batch.studies.push_back(MakeStudy("s"));
  batch.studies[0].set_idempotency_key("key");
  batch.studies[0].mutable_create_time()->set_seconds(1'800'000'000);
  batch.trials.push_back(MakeTrial("s", 0));
  batch.runs.push_back(MakeRun("s", 0, 0, v1::RUN_STATE_RUNNING, 1));
  batch.runs[0].set_seed(std::numeric_limits<uint64_t>::max());
  batch.attempts.push_back(MakeAttempt("s", 0, 0, 1));
  batch.measurements.push_back(MakeMeasurement(batch.attempts[0], 1));
  auto& scalars = *batch.measurements[0].mutable_measurement()->mutable_scalars();
  scalars["train/loss"] = kNan;
  scalars["test/loss"] = -kInfinity;
  *batch.runs[0].mutable_latest() = batch.measurements[0].measurement();
  batch.events.push_back(MakeEvent(1, "run.leased", batch.runs[0].name()));
  *batch.events[0].mutable_run() = batch.runs[0];
  TP_ASSERT_OK(Commit(batch));

  const auto same = [](const auto& a, const auto& b) { return a.DebugString() == b.DebugString(); };
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, store_->GetStudy("studies/s"));
  EXPECT_PRED2(same, study, batch.studies[0]);
  TP_ASSERT_OK_AND_ASSIGN(const v1::Run run, store_->GetRun("studies/s/trials/0/runs/0"));
  EXPECT_PRED2(same, run, batch.runs[0]);
  TP_ASSERT_OK_AND_ASSIGN(const auto trials, store_->ListTrials({.study = "studies/s"}, {}));
  ASSERT_EQ(trials.items.size(), 1);
  EXPECT_PRED2(same, trials.items[0], batch.trials[0]);
  TP_ASSERT_OK_AND_ASSIGN(const auto attempts, store_->OpenAttempts());
  ASSERT_EQ(attempts.size(), 1);
  EXPECT_PRED2(same, attempts[0], batch.attempts[0]);
  TP_ASSERT_OK_AND_ASSIGN(const auto measurements,
                          store_->ListMeasurements({.parent = "studies/s"}, {}));
  ASSERT_EQ(measurements.items.size(), 1);
  EXPECT_PRED2(same, measurements.items[0], batch.measurements[0]);
  TP_ASSERT_OK_AND_ASSIGN(const auto events, store_->ListEvents("", 0, 10));
  ASSERT_EQ(events.size(), 1);
  EXPECT_PRED2(same, events[0], batch.events[0]);
}

TEST_P(StoreConformance, StudiesAreInOrderOfCreation) {
  for (const char* id : {"zebra", "apple", "apricot", "Apple"}) {
    TP_ASSERT_OK(Commit({.studies = {MakeStudy(id)}}));
  }
  TP_ASSERT_OK(Commit({.studies = {MakeStudy("zebra", v1::STUDY_STATE_COMPLETED)}}));

  EXPECT_THAT(Studies({}),
              ElementsAre("studies/zebra", "studies/apple", "studies/apricot", "studies/Apple"));
  EXPECT_THAT(Studies({.name_prefix = "ap"}), ElementsAre("studies/apple", "studies/apricot"));
  EXPECT_THAT(Studies({.name_prefix = "a%"}), IsEmpty());
  EXPECT_THAT(Studies({.states = {v1::STUDY_STATE_COMPLETED}}), ElementsAre("studies/zebra"));
  EXPECT_THAT(Studies({.states = {v1::STUDY_STATE_COMPLETED, v1::STUDY_STATE_ACTIVE}}),
              ElementsAre("studies/zebra", "studies/apple", "studies/apricot", "studies/Apple"));
  EXPECT_THAT(Studies({.states = {v1::STUDY_STATE_PAUSED}, .name_prefix = "z"}), IsEmpty());
}

TEST_P(StoreConformance, AStudyMadeAgainIsTheLastOne) {
  TP_ASSERT_OK(Commit({.studies = {MakeStudy("a"), MakeStudy("b")}}));
  TP_ASSERT_OK(Commit({.deleted_studies = {"studies/a"}, .studies = {MakeStudy("a")}}));
  EXPECT_THAT(Studies({}), ElementsAre("studies/b", "studies/a"));
}

TEST_P(StoreConformance, TrialsAreInOrderOfNumberAndFilteredByState) {
  FillStudy("s");
  FillStudy("other");
  EXPECT_THAT(Trials({.study = "studies/s"}),
              ElementsAre("studies/s/trials/0", "studies/s/trials/1", "studies/s/trials/2",
                          "studies/s/trials/3", "studies/s/trials/4"));
  EXPECT_THAT(Trials({.study = "studies/s", .states = {v1::TRIAL_STATE_FAILED}}),
              ElementsAre("studies/s/trials/1", "studies/s/trials/3"));
  EXPECT_THAT(
      Trials({.study = "studies/s",
              .states = {v1::TRIAL_STATE_FAILED, v1::TRIAL_STATE_ACTIVE, v1::TRIAL_STATE_FAILED}})
          .size(),
      5);
  EXPECT_THAT(Trials({.study = "studies/s", .states = {v1::TRIAL_STATE_CANCELLED}}), IsEmpty());
}

TEST_P(StoreConformance, RunsAreInOrderOfTrialAndReplicate) {
  FillStudy("s");
  FillStudy("other");
  EXPECT_EQ(Runs({.parent = "studies/s"}).size(), 15);
  EXPECT_THAT(Runs({.parent = "studies/s/trials/3"}),
              ElementsAre("studies/s/trials/3/runs/0", "studies/s/trials/3/runs/1",
                          "studies/s/trials/3/runs/2"));
  EXPECT_THAT(Runs({.parent = "studies/s/trials/3",
                    .states = {v1::RUN_STATE_PAUSED, v1::RUN_STATE_QUEUED}}),
              ElementsAre("studies/s/trials/3/runs/0", "studies/s/trials/3/runs/2"));
  EXPECT_THAT(Runs({.parent = "studies/s", .states = {v1::RUN_STATE_QUEUED}}),
              ElementsAre("studies/s/trials/0/runs/0", "studies/s/trials/1/runs/2",
                          "studies/s/trials/2/runs/1", "studies/s/trials/3/runs/0",
                          "studies/s/trials/4/runs/2"));
}

TEST_P(StoreConformance, TenComesAfterNine) {
  WriteBatch batch{.studies = {MakeStudy("s")}};
  for (const int64_t number : {10, 9, 2, 100}) batch.trials.push_back(MakeTrial("s", number));
  for (const int64_t number : {10, 9, 2, 100}) batch.runs.push_back(MakeRun("s", number, number));
  TP_ASSERT_OK(Commit(batch));
  EXPECT_THAT(Trials({.study = "studies/s"}),
              ElementsAre("studies/s/trials/2", "studies/s/trials/9", "studies/s/trials/10",
                          "studies/s/trials/100"));
  EXPECT_THAT(Runs({.parent = "studies/s/trials/10"}), ElementsAre("studies/s/trials/10/runs/10"));
}

TEST_P(StoreConformance, MeasurementsAreThoseOfTheLatestAttempts) {
  FillStudy("s");
  EXPECT_EQ(Measurements({.parent = "studies/s"}).size(), 15 * 4);
  EXPECT_EQ(Measurements({.parent = "studies/s", .all_attempts = true}).size(), 18 * 4);
  EXPECT_EQ(Measurements({.parent = "studies/s/trials/2"}).size(), 3 * 4);
  const std::string run = "studies/s/trials/1/runs/2";
  EXPECT_THAT(Measurements({.parent = run}),
              ElementsAre(run + "/attempts/2#1", run + "/attempts/2#2", run + "/attempts/2#3",
                          run + "/attempts/2#4"));
  EXPECT_THAT(Measurements({.parent = run, .all_attempts = true}),
              ElementsAre(run + "/attempts/1#1", run + "/attempts/1#2", run + "/attempts/1#3",
                          run + "/attempts/1#4", run + "/attempts/2#1", run + "/attempts/2#2",
                          run + "/attempts/2#3", run + "/attempts/2#4"));
  // A new attempt that has not measured yet hides those before it.
  TP_ASSERT_OK(Commit({.runs = {MakeRun("s", 1, 2, v1::RUN_STATE_RUNNING, 3)},
                       .attempts = {MakeAttempt("s", 1, 2, 3)}}));
  EXPECT_THAT(Measurements({.parent = run}), IsEmpty());
}

TEST_P(StoreConformance, AMeasurementIsCountedOnce) {
  FillStudy("s");
  const v1::Attempt attempt = MakeAttempt("s", 0, 0, 1);
  v1::MeasurementRecord again = MakeMeasurement(attempt, 4);
  again.mutable_measurement()->set_step(-1);
  TP_ASSERT_OK(
      Commit({.measurements = {again, MakeMeasurement(attempt, 5), MakeMeasurement(attempt, 5)}}));
  TP_ASSERT_OK_AND_ASSIGN(const auto page,
                          store_->ListMeasurements({.parent = "studies/s/trials/0/runs/0"}, {}));
  ASSERT_EQ(page.items.size(), 5);
  EXPECT_EQ(page.items[3].measurement().step(), 400);
  EXPECT_THAT(store_->LastSequence(attempt.name()), IsOkAndHolds(5));
  EXPECT_THAT(store_->LastSequence("studies/s/trials/0/runs/0/attempts/2"), IsOkAndHolds(0));
  EXPECT_THAT(store_->LastSequence("studies/s/trials/0/runs/1/attempts/1"), IsOkAndHolds(4));
}

TEST_P(StoreConformance, ThinningsRemoveTheirMeasurementsAndNothingElse) {
  FillStudy("s");
  FillStudy("other");
  const std::string run = "studies/s/trials/1/runs/2";
  const v1::Attempt attempt = MakeAttempt("s", 1, 2, 2);
  TP_ASSERT_OK(Commit({.thinnings = {{run + "/attempts/2", {1, 3, 9}},
                                     {run + "/attempts/7", {1}},
                                     {"studies/gone/trials/0/runs/0/attempts/1", {1}}}}));
  EXPECT_THAT(Measurements({.parent = run}),
              ElementsAre(run + "/attempts/2#2", run + "/attempts/2#4"));
  EXPECT_EQ(Measurements({.parent = "studies/s", .all_attempts = true}).size(), 18 * 4 - 2);
  EXPECT_EQ(Measurements({.parent = "studies/other", .all_attempts = true}).size(), 18 * 4);

  // In the order of the batches, and within one after its measurements.
  const std::vector<WriteBatch> batches = {
      {.measurements = {MakeMeasurement(attempt, 1), MakeMeasurement(attempt, 5)},
       .thinnings = {{attempt.name(), {1, 2}}}},
      {.measurements = {MakeMeasurement(attempt, 2)}}};
  TP_ASSERT_OK(store_->Commit(batches));
  EXPECT_THAT(Measurements({.parent = run}),
              ElementsAre(run + "/attempts/2#2", run + "/attempts/2#4", run + "/attempts/2#5"));

  EXPECT_THAT(Commit({.thinnings = {{"studies/s", {1}}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("studies/s")));
  TP_ASSERT_OK(store_->GiveBackRoom());
  EXPECT_EQ(Measurements({.parent = run}).size(), 3);
  TP_ASSERT_OK(Commit({.measurements = {MakeMeasurement(attempt, 6)}}));
}

TEST_P(StoreConformance, RecordsReplaceThoseOfTheSameName) {
  FillStudy("s");
  TP_ASSERT_OK(Commit({.trials = {MakeTrial("s", 0, v1::TRIAL_STATE_SUCCEEDED, 0.25)},
                       .runs = {MakeRun("s", 0, 0, v1::RUN_STATE_SUCCEEDED, 1)},
                       .attempts = {MakeAttempt("s", 0, 0, 1, v1::ATTEMPT_OUTCOME_COMPLETED)}}));
  EXPECT_EQ(Trials({.study = "studies/s"}).size(), 5);
  EXPECT_THAT(Trials({.study = "studies/s", .states = {v1::TRIAL_STATE_SUCCEEDED}}),
              ElementsAre("studies/s/trials/0"));
  EXPECT_EQ(Runs({.parent = "studies/s"}).size(), 15);
  EXPECT_THAT(Runs({.parent = "studies/s", .states = {v1::RUN_STATE_SUCCEEDED}}),
              ElementsAre("studies/s/trials/0/runs/0"));
  TP_ASSERT_OK_AND_ASSIGN(const v1::Run run, store_->GetRun("studies/s/trials/0/runs/0"));
  EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED);
  TP_ASSERT_OK_AND_ASSIGN(const auto open, store_->OpenAttempts());
  EXPECT_EQ(open.size(), 14);
  EXPECT_EQ(open[0].name(), "studies/s/trials/0/runs/1/attempts/1");
  EXPECT_EQ(open[13].name(), "studies/s/trials/4/runs/2/attempts/1");
}

TEST_P(StoreConformance, OpenAttemptsAreThoseOfEveryStudy) {
  for (const char* id : {"b", "a"}) {
    TP_ASSERT_OK(Commit({.studies = {MakeStudy(id)},
                         .trials = {MakeTrial(id, 0)},
                         .runs = {MakeRun(id, 0, 0, v1::RUN_STATE_RUNNING, 2)},
                         .attempts = {MakeAttempt(id, 0, 0, 1, v1::ATTEMPT_OUTCOME_LOST),
                                      MakeAttempt(id, 0, 0, 2)}}));
  }
  TP_ASSERT_OK_AND_ASSIGN(const auto open, store_->OpenAttempts());
  EXPECT_THAT(Names(open), ElementsAre("studies/b/trials/0/runs/0/attempts/2",
                                       "studies/a/trials/0/runs/0/attempts/2"));
}

TEST_P(StoreConformance, BestTrialsAreRanked) {
  TP_ASSERT_OK(Commit({.studies = {MakeStudy("s")},
                       .trials = {MakeTrial("s", 0, v1::TRIAL_STATE_SUCCEEDED, kNan),
                                  MakeTrial("s", 1, v1::TRIAL_STATE_SUCCEEDED, 0.5),
                                  MakeTrial("s", 2, v1::TRIAL_STATE_SUCCEEDED),
                                  MakeTrial("s", 3, v1::TRIAL_STATE_FAILED, -9.0),
                                  MakeTrial("s", 4, v1::TRIAL_STATE_SUCCEEDED, -1.0),
                                  MakeTrial("s", 5, v1::TRIAL_STATE_SUCCEEDED, 0.5),
                                  MakeTrial("s", 6, v1::TRIAL_STATE_SUCCEEDED, kInfinity),
                                  MakeTrial("s", 7, v1::TRIAL_STATE_ACTIVE, -8.0),
                                  MakeTrial("s", 8, v1::TRIAL_STATE_SUCCEEDED, -kInfinity)}}));
  const auto best = [&](v1::Goal goal, int count) {
    std::vector<int64_t> numbers;
    absl::StatusOr<std::vector<v1::Trial>> trials = store_->BestTrials("studies/s", goal, count);
    TP_EXPECT_OK(trials);
    for (const v1::Trial& trial : trials.value_or(std::vector<v1::Trial>())) {
      numbers.push_back(trial.number());
    }
    return numbers;
  };
  EXPECT_THAT(best(v1::GOAL_MINIMIZE, 100), ElementsAre(8, 4, 1, 5, 6, 0, 2));
  EXPECT_THAT(best(v1::GOAL_MAXIMIZE, 100), ElementsAre(6, 1, 5, 4, 8, 0, 2));
  EXPECT_THAT(best(v1::GOAL_MAXIMIZE, 2), ElementsAre(6, 1));
  EXPECT_THAT(best(v1::GOAL_MINIMIZE, 6), ElementsAre(8, 4, 1, 5, 6, 0));
  EXPECT_THAT(best(v1::GOAL_MINIMIZE, 0), IsEmpty());
  EXPECT_THAT(best(v1::GOAL_MINIMIZE, -1), IsEmpty());
}

TEST_P(StoreConformance, EventsAreInOrderAndLimited) {
  WriteBatch batch;
  for (int64_t revision = 2; revision <= 20; revision += 2) {
    batch.events.push_back(MakeEvent(
        revision, "run.leased", revision % 4 == 0 ? "studies/a/trials/1/runs/0" : "studies/b"));
  }
  batch.events.push_back(MakeEvent(21, "server.started", ""));
  TP_ASSERT_OK(Commit(batch));
  const auto revisions = [&](absl::string_view study, int64_t after, int limit) {
    std::vector<int64_t> result;
    absl::StatusOr<std::vector<v1::Event>> events = store_->ListEvents(study, after, limit);
    TP_EXPECT_OK(events);
    for (const v1::Event& event : events.value_or(std::vector<v1::Event>())) {
      result.push_back(event.revision());
    }
    return result;
  };
  EXPECT_THAT(revisions("", 15, 100), ElementsAre(16, 18, 20, 21));
  EXPECT_THAT(revisions("", 3, 2), ElementsAre(4, 6));
  EXPECT_THAT(revisions("studies/a", 0, 100), ElementsAre(4, 8, 12, 16, 20));
  EXPECT_THAT(revisions("studies/b", 10, 1), ElementsAre(14));
  EXPECT_THAT(revisions("studies/c", 0, 100), IsEmpty());
  EXPECT_THAT(revisions("", 21, 100), IsEmpty());
  EXPECT_THAT(revisions("", 0, 0), IsEmpty());
  EXPECT_THAT(revisions("", 0, -1), IsEmpty());
  EXPECT_THAT(store_->LastRevision(), IsOkAndHolds(21));
}

TEST_P(StoreConformance, RevisionsGrow) {
  TP_ASSERT_OK(Commit({.events = {MakeEvent(7, "study.created", "studies/s")}}));
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("studies/s"), HasSubstr("revision 7")));
  EXPECT_THAT(Commit({.events = {MakeEvent(7, "study.paused", "studies/s")}}), refused);
  EXPECT_THAT(Commit({.events = {MakeEvent(9, "study.paused", "studies/s"),
                                 MakeEvent(7, "study.resumed", "studies/s")}}),
              refused);
  EXPECT_THAT(store_->LastRevision(), IsOkAndHolds(7));
  // The highest revision outlives its study: it is never given out again.
  TP_ASSERT_OK(Commit({.deleted_studies = {"studies/s"}}));
  EXPECT_THAT(store_->ListEvents("", 0, 10), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store_->LastRevision(), IsOkAndHolds(7));
  EXPECT_THAT(Commit({.events = {MakeEvent(7, "study.created", "studies/s")}}), refused);
}

TEST_P(StoreConformance, DeletingAStudyRemovesAllOfItAndNothingElse) {
  FillStudy("s");
  FillStudy("s2");
  TP_ASSERT_OK(Commit({.events = {MakeEvent(1, "study.created", "studies/s"),
                                  MakeEvent(2, "run.leased", "studies/s/trials/0/runs/0"),
                                  MakeEvent(3, "study.created", "studies/s2")}}));
  TP_ASSERT_OK(Commit({.deleted_studies = {"studies/s", "studies/never-there"},
                       .events = {MakeEvent(4, "study.deleted", "studies/s")}}));

  EXPECT_THAT(Studies({}), ElementsAre("studies/s2"));
  EXPECT_THAT(store_->GetStudy("studies/s"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetRun("studies/s/trials/0/runs/0"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->LastSequence("studies/s/trials/0/runs/0/attempts/1"), IsOkAndHolds(0));
  TP_ASSERT_OK_AND_ASSIGN(const auto open, store_->OpenAttempts());
  EXPECT_EQ(open.size(), 15);
  EXPECT_THAT(Runs({.parent = "studies/s2"}).size(), 15);
  EXPECT_THAT(Measurements({.parent = "studies/s2", .all_attempts = true}).size(), 18 * 4);
  TP_ASSERT_OK_AND_ASSIGN(const auto events, store_->ListEvents("", 0, 10));
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(events[0].revision(), 3);
  EXPECT_EQ(events[1].type(), "study.deleted");

  // A new study of the same name has nothing of the old one.
  TP_ASSERT_OK(Commit({.studies = {MakeStudy("s")}}));
  EXPECT_THAT(Trials({.study = "studies/s"}), IsEmpty());
  EXPECT_THAT(Runs({.parent = "studies/s"}), IsEmpty());
  EXPECT_THAT(Measurements({.parent = "studies/s", .all_attempts = true}), IsEmpty());
}

TEST_P(StoreConformance, BatchesAreAppliedInOrder) {
  FillStudy("s");
  const WriteBatch batches[] = {
      {.deleted_studies = {"studies/s"}, .studies = {MakeStudy("s", v1::STUDY_STATE_PAUSED)}},
      {.trials = {MakeTrial("s", 7)}},
      {.deleted_studies = {"studies/s"}},
      {.studies = {MakeStudy("s", v1::STUDY_STATE_CANCELLED)}, .trials = {MakeTrial("s", 8)}},
  };
  TP_ASSERT_OK(store_->Commit(batches));
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, store_->GetStudy("studies/s"));
  EXPECT_EQ(study.state(), v1::STUDY_STATE_CANCELLED);
  EXPECT_THAT(Trials({.study = "studies/s"}), ElementsAre("studies/s/trials/8"));
}

TEST_P(StoreConformance, ABadBatchLeavesNoTraceOfTheGoodOnesBeforeIt) {
  FillStudy("s");
  const WriteBatch good = {.deleted_studies = {"studies/s"},
                           .studies = {MakeStudy("new")},
                           .trials = {MakeTrial("new", 0)},
                           .runs = {MakeRun("new", 0, 0, v1::RUN_STATE_RUNNING, 1)},
                           .attempts = {MakeAttempt("new", 0, 0, 1)},
                           .measurements = {MakeMeasurement(MakeAttempt("new", 0, 0, 1), 1)},
                           .events = {MakeEvent(5, "study.created", "studies/new")}};
  const v1::Attempt missing = MakeAttempt("new", 0, 0, 2);
  const WriteBatch bad = {.measurements = {MakeMeasurement(missing, 1)}};
  const WriteBatch batches[] = {good, bad};
  EXPECT_THAT(store_->Commit(batches),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(missing.name())));
  EXPECT_THAT(Studies({}), ElementsAre("studies/s"));
  EXPECT_EQ(Measurements({.parent = "studies/s"}).size(), 15 * 4);
  EXPECT_THAT(store_->LastRevision(), IsOkAndHolds(0));

  TP_EXPECT_OK(Commit(good));
  EXPECT_THAT(Studies({}), ElementsAre("studies/new"));
  EXPECT_EQ(Measurements({.parent = "studies/new"}).size(), 1);
}

TEST_P(StoreConformance, AParentMustBeThere) {
  FillStudy("s");
  const auto missing = [](const char* name) {
    return StatusIs(absl::StatusCode::kNotFound, HasSubstr(name));
  };
  EXPECT_THAT(Commit({.trials = {MakeTrial("t", 0)}}), missing("studies/t: no such study"));
  EXPECT_THAT(Commit({.runs = {MakeRun("t", 0, 0)}}), missing("studies/t: no such study"));
  EXPECT_THAT(Commit({.runs = {MakeRun("s", 9, 0)}}), missing("studies/s/trials/9: no such trial"));
  EXPECT_THAT(Commit({.attempts = {MakeAttempt("s", 0, 9, 1)}}),
              missing("studies/s/trials/0/runs/9: no such run"));
  EXPECT_THAT(Commit({.measurements = {MakeMeasurement(MakeAttempt("s", 0, 0, 9), 1)}}),
              missing("studies/s/trials/0/runs/0/attempts/9: no such attempt"));
  EXPECT_THAT(Commit({.deleted_studies = {"studies/s"}, .trials = {MakeTrial("s", 0)}}),
              missing("studies/s: no such study"));
}

TEST_P(StoreConformance, WhatIsNotARecordIsRefused) {
  FillStudy("s");
  const auto illegal = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Commit({.studies = {v1::Study()}}), illegal);
  v1::Run run = MakeRun("s", 0, 0);
  run.set_name("studies/s/trials/00/runs/0");
  EXPECT_THAT(Commit({.runs = {run}}), illegal);
  EXPECT_THAT(Commit({.deleted_studies = {"s"}}), illegal);
  EXPECT_THAT(Commit({.measurements = {MakeMeasurement(MakeAttempt("s", 0, 0, 1), 0)}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sequence 0")));
}

TEST_P(StoreConformance, WhatIsMissingIsNamed) {
  FillStudy("s");
  const auto missing = [](const char* message) {
    return StatusIs(absl::StatusCode::kNotFound, HasSubstr(message));
  };
  EXPECT_THAT(store_->GetStudy("studies/t"), missing("studies/t: no such study"));
  EXPECT_THAT(store_->GetRun("studies/t/trials/0/runs/0"),
              missing("studies/t/trials/0/runs/0: no such run"));
  EXPECT_THAT(store_->GetRun("studies/s/trials/0/runs/9"),
              missing("studies/s/trials/0/runs/9: no such run"));
  EXPECT_THAT(store_->ListTrials({.study = "studies/t"}, {}), missing("studies/t: no such study"));
  EXPECT_THAT(store_->ListRuns({.parent = "studies/t"}, {}), missing("studies/t: no such study"));
  EXPECT_THAT(store_->ListRuns({.parent = "studies/s/trials/9"}, {}),
              missing("studies/s/trials/9: no such trial"));
  EXPECT_THAT(store_->ListMeasurements({.parent = "studies/s/trials/9"}, {}),
              missing("studies/s/trials/9: no such trial"));
  EXPECT_THAT(store_->ListMeasurements({.parent = "studies/s/trials/0/runs/9"}, {}),
              missing("studies/s/trials/0/runs/9: no such run"));
  EXPECT_THAT(store_->BestTrials("studies/t", v1::GOAL_MINIMIZE, 1),
              missing("studies/t: no such study"));
}

TEST_P(StoreConformance, NamesOfTheWrongKindAreRefused) {
  FillStudy("s");
  const auto illegal = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store_->GetStudy("s"), illegal);
  EXPECT_THAT(store_->GetRun("studies/s"), illegal);
  EXPECT_THAT(store_->ListTrials({.study = "studies/s/trials/0"}, {}), illegal);
  EXPECT_THAT(store_->ListRuns({.parent = "studies/s/trials/0/runs/0"}, {}), illegal);
  EXPECT_THAT(store_->ListMeasurements({.parent = "studies/s/trials/0/runs/0/attempts/1"}, {}),
              illegal);
  EXPECT_THAT(store_->ListEvents("studies/s/trials/0", 0, 1), illegal);
  EXPECT_THAT(store_->LastSequence("studies/s/trials/0/runs/0"), illegal);
  EXPECT_THAT(store_->BestTrials("", v1::GOAL_MINIMIZE, 1), illegal);
}

}  // namespace
}  // namespace tpsweep::server
