// What passes between the coordinator and workers.
#include <limits>

#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";
constexpr char kSecond[] = "studies/s/trials/0/runs/0/attempts/2";

TEST_F(CoordinatorTest, TrainsAStudyToItsEnd) {
  Create(MakeSpec("s", 2, 2));
  FakeWorker worker("w", "a");
  std::vector<std::string> leases = StartWorker(worker, 2);
  ASSERT_THAT(leases, ElementsAre("studies/s/trials/0/runs/0/attempts/1",
                                  "studies/s/trials/0/runs/1/attempts/1"));
  for (int round = 0; round < 2; ++round) {
    for (const std::string& attempt : leases) Train(worker, attempt);
    worker.TakeAcks();
    TP_ASSERT_OK(worker.Offer(2));
    Flush();
    leases = worker.TakeLeases();
  }
  EXPECT_THAT(leases, IsEmpty());
  const v1::Study study = Study("s");
  EXPECT_EQ(study.state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(study.runs().succeeded(), 4);
  EXPECT_EQ(study.runs().queued() + study.runs().running(), 0);
  EXPECT_EQ(study.expected_runs(), 4);
  EXPECT_TRUE(study.has_end_time());
  for (const v1::Trial& trial : Trials("s")) {
    EXPECT_EQ(trial.state(), v1::TRIAL_STATE_SUCCEEDED);
    const double first = ValueOf(trial.name() + "/runs/0/attempts/1", 2);
    const double second = ValueOf(trial.name() + "/runs/1/attempts/1", 2);
    EXPECT_EQ(trial.objective(), (first + second) / 2);
  }
  int64_t revision = 0;
  const std::vector<v1::Event> events = store_.ListEvents("", 0, 1000).value();
  for (const v1::Event& event : events) {
    EXPECT_EQ(event.revision(), ++revision);
  }
  EXPECT_EQ(EventTypes("s").back(), "study.completed");
}

TEST_F(CoordinatorTest, LeaseIsSentOnlyWhenDurable) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  TP_ASSERT_OK(worker.Connect(*coordinator_));
  TP_ASSERT_OK(worker.Offer(1));
  EXPECT_THAT(worker.TakeLeases(), IsEmpty());
  Flush();
  EXPECT_THAT(worker.TakeLeases(), ElementsAre(kFirst));
}

TEST_F(CoordinatorTest, LeaseCarriesACompleteSpec) {
  Create(MakeSpec("s", 1, 2));
  FakeWorker worker("w", "a");
  TP_ASSERT_OK(worker.Connect(*coordinator_));
  TP_ASSERT_OK(worker.Offer(2));
  Flush();
  std::vector<v1::TrainingSpec> specs;
  for (const v1::ServerMessage& message : worker.link().Take()) {
    if (message.has_lease()) specs.push_back(message.lease().training());
  }
  ASSERT_THAT(specs, SizeIs(2));
  const v1::Trial trial = Trials("s")[0];
  EXPECT_EQ(specs[0].forward().lr(0), trial.parameters(0).value().number_value());
  EXPECT_EQ(specs[0].batch_size(), 128);
  EXPECT_EQ(specs[0].seed(), Runs("s")[0].seed());
  EXPECT_EQ(specs[1].seed(), Runs("s")[1].seed());
  EXPECT_NE(specs[0].seed(), specs[1].seed());
}

TEST_F(CoordinatorTest, NeverMoreLeasesThanSlots) {
  Create(MakeSpec("s", 100));
  FakeWorker worker("w", "a", {"mnist"}, 3);
  EXPECT_THAT(StartWorker(worker, 2), SizeIs(2));
  // Said before the grants reached it.
  TP_ASSERT_OK(worker.Offer(2));
  Flush();
  EXPECT_THAT(worker.TakeLeases(), SizeIs(1));
}

TEST_F(CoordinatorTest, SharesRunsBetweenWorkers) {
  Create(MakeSpec("s", 4));
  FakeWorker one("one", "a");
  FakeWorker two("two", "b");
  TP_ASSERT_OK(one.Connect(*coordinator_));
  TP_ASSERT_OK(two.Connect(*coordinator_));
  ASSERT_THAT(Ask(&Coordinator::PauseStudy, "s"), IsOk());
  TP_ASSERT_OK(one.Offer(2));
  TP_ASSERT_OK(two.Offer(2));
  ASSERT_THAT(Ask(&Coordinator::ResumeStudy, "s"), IsOk());
  EXPECT_THAT(one.TakeLeases(), SizeIs(2));
  EXPECT_THAT(two.TakeLeases(), SizeIs(2));
}

TEST_F(CoordinatorTest, SilentWorkerLosesItsLeases) {
  Create(MakeSpec("s", 1));
  FakeWorker silent("silent", "a");
  ASSERT_THAT(StartWorker(silent, 1), ElementsAre(kFirst));
  TP_ASSERT_OK(silent.Report(kFirst, {1}));
  Flush();
  FakeWorker other("other", "b");
  EXPECT_THAT(StartWorker(other, 1), IsEmpty());

  clock_.Advance(absl::Seconds(20));
  TP_ASSERT_OK(other.Heartbeat());
  clock_.JumpWall(absl::Hours(1000));  // a calendar is not a clock
  coordinator_->Tick();
  Flush();
  EXPECT_THAT(other.TakeLeases(), IsEmpty());
  clock_.Advance(absl::Seconds(11));
  coordinator_->Tick();
  Flush();
  EXPECT_THAT(other.TakeLeases(), ElementsAre(kSecond));
  EXPECT_THAT(silent.link().closed().value(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(silent.Heartbeat(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(EventTypes("s"), testing::Contains("attempt.lost"));
}

TEST_F(CoordinatorTest, LateResultsAreRefused) {
  Create(MakeSpec("s", 1));
  FakeWorker old("old", "a");
  ASSERT_THAT(StartWorker(old, 1), ElementsAre(kFirst));
  clock_.Advance(absl::Seconds(31));
  coordinator_->Tick();
  FakeWorker other("other", "b");
  ASSERT_THAT(StartWorker(other, 1), ElementsAre(kSecond));

  TP_ASSERT_OK(old.Connect(*coordinator_, {kFirst}));
  std::vector<v1::Ack> acks = old.TakeAcks();
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].directive(), v1::DIRECTIVE_ABANDON);
  TP_ASSERT_OK(old.Report(kFirst, {1, 2}));
  TP_ASSERT_OK(old.Complete(kFirst, 2));
  // Nor may it speak of an attempt that another worker holds.
  TP_ASSERT_OK(old.Complete(kSecond, 0, v1::ATTEMPT_OUTCOME_FAILED));
  Flush();
  acks = old.TakeAcks();
  ASSERT_THAT(acks, SizeIs(3));
  for (const v1::Ack& ack : acks) {
    EXPECT_EQ(ack.directive(), v1::DIRECTIVE_ABANDON);
    EXPECT_FALSE(ack.completed());
  }
  EXPECT_THAT(Measurements("s"), IsEmpty());
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_RUNNING);

  Train(other, kSecond);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_THAT(Measurements("s", false), SizeIs(2));
}

TEST_F(CoordinatorTest, ABrokenStreamEndsNoLease) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  TP_ASSERT_OK(worker.Report(kFirst, {1, 2}));
  Flush();
  worker.Disconnect();
  clock_.Advance(absl::Seconds(29));
  coordinator_->Tick();
  TP_ASSERT_OK(worker.Connect(*coordinator_, {kFirst}));
  const std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].attempt(), kFirst);
  EXPECT_EQ(acks[0].durable_sequence(), 2);
  EXPECT_EQ(acks[0].directive(), v1::DIRECTIVE_CONTINUE);
  TP_ASSERT_OK(worker.Complete(kFirst, 2));
  Flush();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(CoordinatorTest, ALeaseLostOnTheWayIsSentAgain) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  TP_ASSERT_OK(worker.Connect(*coordinator_));
  TP_ASSERT_OK(worker.Offer(1));
  worker.Disconnect();
  Flush();  // granted to nobody's stream
  TP_ASSERT_OK(worker.Connect(*coordinator_));
  EXPECT_THAT(worker.TakeLeases(), ElementsAre(kFirst));
}

TEST_F(CoordinatorTest, ANewStreamOfTheSameProcessReplacesTheOld) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  FakeWorker again("w", "a");
  TP_ASSERT_OK(again.Connect(*coordinator_, {kFirst}));
  EXPECT_THAT(worker.link().closed().value(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(worker.Heartbeat(), StatusIs(absl::StatusCode::kAborted));
  worker.Disconnect();  // must not disconnect its successor
  TP_EXPECT_OK(again.Heartbeat());
}

TEST_F(CoordinatorTest, TwoWorkersWithOneId) {
  Create(MakeSpec("s", 1));
  FakeWorker first("w", "a");
  ASSERT_THAT(StartWorker(first, 1), ElementsAre(kFirst));
  FakeWorker second("w", "b");
  EXPECT_THAT(second.Connect(*coordinator_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("'w' is connected")));
  // The first process is gone: its successor need not wait for the deadline.
  first.Disconnect();
  EXPECT_THAT(StartWorker(second, 1), ElementsAre(kSecond));
}

TEST_F(CoordinatorTest, MeasurementsCountOnce) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  TP_ASSERT_OK(worker.Report(kFirst, {1, 2}));
  EXPECT_THAT(worker.TakeAcks(), IsEmpty());  // not durable yet
  Flush();
  TP_ASSERT_OK(worker.Report(kFirst, {1, 2, 3}));  // sent again
  TP_ASSERT_OK(worker.Report(kFirst, {5}));        // 4 is missing
  TP_ASSERT_OK(worker.Report(kFirst, {3, 2}));     // out of order
  Flush();
  const std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(4));
  EXPECT_EQ(acks[0].durable_sequence(), 2);
  EXPECT_EQ(acks.back().durable_sequence(), 3);
  std::vector<int64_t> stored;
  for (const auto& record : Measurements("s")) stored.push_back(record.measurement().sequence());
  EXPECT_THAT(stored, ElementsAre(1, 2, 3));
  EXPECT_EQ(Run("s/trials/0/runs/0").latest().sequence(), 3);
}

TEST_F(CoordinatorTest, TheResultOfARunIsTheLatestMeasurementOfAnEpoch) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  const auto latest = [this] {
    Flush();
    return Run("s/trials/0/runs/0").latest().sequence();
  };
  TP_ASSERT_OK(worker.ReportStep(kFirst, 1));
  EXPECT_EQ(latest(), 1);  // nothing better yet
  TP_ASSERT_OK(worker.Report(kFirst, {2}));
  TP_ASSERT_OK(worker.ReportStep(kFirst, 3));
  EXPECT_EQ(latest(), 2);
  TP_ASSERT_OK(worker.Complete(kFirst, 3, v1::ATTEMPT_OUTCOME_INFEASIBLE, "diverged"));
  EXPECT_EQ(latest(), 2);
}

TEST_F(CoordinatorTest, CompletionWaitsForAllMeasurements) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  TP_ASSERT_OK(worker.Report(kFirst, {1}));
  TP_ASSERT_OK(worker.Complete(kFirst, 2));
  Flush();
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_RUNNING);
  for (const v1::Ack& ack : worker.TakeAcks()) EXPECT_FALSE(ack.completed());
  TP_ASSERT_OK(worker.Report(kFirst, {2}));
  TP_ASSERT_OK(worker.Complete(kFirst, 2));
  EXPECT_THAT(worker.TakeAcks(), IsEmpty());
  Flush();
  const std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_FALSE(acks.empty());
  EXPECT_TRUE(acks.back().completed());
  EXPECT_EQ(acks.back().durable_sequence(), 2);
}

TEST_F(CoordinatorTest, TheEndOfARunAndTheNextLeaseAreOneChange) {
  Create(MakeSpec("s", 3));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), SizeIs(1));
  TP_EXPECT_OK(worker.CompleteAndOffer(kFirst, 0, 1));
  EXPECT_THAT(worker.TakeLeases(), IsEmpty());
  Flush();
  EXPECT_THAT(worker.TakeLeases(), ElementsAre("studies/s/trials/1/runs/0/attempts/1"));
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_SUCCEEDED);
  // One that says nothing of slots leaves what was said before.
  TP_EXPECT_OK(worker.Complete("studies/s/trials/1/runs/0/attempts/1", 0));
  Flush();
  EXPECT_THAT(worker.TakeLeases(), IsEmpty());
  // One that is said twice tells of its slot all the same.
  TP_EXPECT_OK(worker.CompleteAndOffer(kFirst, 0, 1));
  Flush();
  EXPECT_THAT(worker.TakeLeases(), ElementsAre("studies/s/trials/2/runs/0/attempts/1"));
}

TEST_F(CoordinatorTest, CompletionMayBeSaidTwice) {
  Create(MakeSpec("s", 2));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  TP_ASSERT_OK(worker.Report(kFirst, {1}));
  TP_ASSERT_OK(worker.Complete(kFirst, 1));
  TP_ASSERT_OK(worker.Complete(kFirst, 1));
  EXPECT_THAT(worker.TakeAcks(), IsEmpty());
  Flush();
  std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_TRUE(acks[0].completed());
  EXPECT_TRUE(acks[1].completed());
  Restart();
  TP_ASSERT_OK(worker.Connect(*coordinator_, {kFirst}));
  TP_ASSERT_OK(worker.Complete(kFirst, 1));
  acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_TRUE(acks[0].completed());
  EXPECT_TRUE(acks[1].completed());
  EXPECT_EQ(Study("s").runs().succeeded(), 1);
}

TEST_F(CoordinatorTest, RunsGoOnlyWhereTheirDataIs) {
  Create(MakeSpec("s", 2));
  v1::StudySpec other = MakeSpec("other", 1);
  other.mutable_training()->mutable_dataset()->set_name("fashion-mnist");
  Create(other);
  v1::StudySpec no_data = MakeSpec("none", 1);
  no_data.mutable_training()->mutable_dataset()->set_name("no-such");
  no_data.mutable_training()->set_epochs(0);
  Create(no_data);
  FakeWorker worker("w", "a", {"fashion-mnist"});
  EXPECT_THAT(StartWorker(worker, 4), ElementsAre("studies/other/trials/0/runs/0/attempts/1",
                                                  "studies/none/trials/0/runs/0/attempts/1"));
}

TEST_F(CoordinatorTest, ASearchedDataSetIsMatchedRunByRun) {
  v1::StudySpec spec = MakeSpec("s", 1);
  spec.mutable_search()->mutable_sampler()->mutable_grid();
  spec.mutable_training()->mutable_dataset()->clear_name();
  v1::Parameter& parameter = *spec.mutable_space(0);
  parameter.set_path("training.dataset.name");
  for (const char* name : {"mnist", "fashion-mnist"}) {
    parameter.mutable_choice()->add_values()->set_string_value(name);
  }
  Create(spec);
  FakeWorker worker("w", "a", {"fashion-mnist"});
  EXPECT_THAT(StartWorker(worker, 2), ElementsAre("studies/s/trials/1/runs/0/attempts/1"));
  FakeWorker other("v", "b", {"mnist"});
  EXPECT_THAT(StartWorker(other, 2), ElementsAre("studies/s/trials/0/runs/0/attempts/1"));
}

TEST_F(CoordinatorTest, OtherProtocolVersionIsRefused) {
  v1::Hello hello = FakeWorker("w", "a").MakeHello();
  hello.set_protocol_version(2);
  EXPECT_THAT(coordinator_->Connect(hello, std::make_shared<FakeLink>()).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::AllOf(HasSubstr("version 2"), HasSubstr("version 1"))));
}

TEST_F(CoordinatorTest, WrongMessagesAreRefusedWithTheField) {
  const auto expect_bad_hello = [&](auto change, const char* field) {
    v1::Hello hello = FakeWorker("w", "a").MakeHello();
    change(hello);
    EXPECT_THAT(coordinator_->Connect(hello, std::make_shared<FakeLink>()).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  expect_bad_hello([](v1::Hello& h) { h.clear_worker_id(); }, "hello.worker_id");
  expect_bad_hello([](v1::Hello& h) { h.set_worker_id("a b"); }, "hello.worker_id");
  expect_bad_hello([](v1::Hello& h) { h.set_worker_id(std::string(129, 'x')); }, "hello.worker_id");
  expect_bad_hello([](v1::Hello& h) { h.clear_incarnation(); }, "hello.incarnation");
  expect_bad_hello([](v1::Hello& h) { h.set_slots(0); }, "hello.slots");
  expect_bad_hello([](v1::Hello& h) { h.add_datasets("\n"); }, "hello.datasets");
  expect_bad_hello([](v1::Hello& h) { h.add_held_attempts("studies/x"); }, "studies/x");

  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  const auto expect_bad = [&](auto change, const char* field) {
    TP_ASSERT_OK_AND_ASSIGN(
        const SessionId session,
        coordinator_->Connect(worker.MakeHello({kFirst}), std::make_shared<FakeLink>()));
    v1::WorkerMessage message;
    message.mutable_report()->set_attempt(kFirst);
    *message.mutable_report()->add_measurements() = MakeMeasurement(kFirst, 1);
    change(message);
    EXPECT_THAT(coordinator_->Receive(session, message),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  const auto measurement = [](v1::WorkerMessage& message) -> v1::Measurement& {
    return *message.mutable_report()->mutable_measurements(0);
  };
  expect_bad([&](v1::WorkerMessage& m) { measurement(m).set_sequence(0); }, "sequence");
  expect_bad([&](v1::WorkerMessage& m) { measurement(m).set_step(-1); }, "step");
  expect_bad([&](v1::WorkerMessage& m) { measurement(m).set_epoch(-1); }, "epoch");
  expect_bad(
      [&](v1::WorkerMessage& m) {
        measurement(m).set_wall_seconds(std::numeric_limits<double>::infinity());
      },
      "wall_seconds");
  expect_bad([&](v1::WorkerMessage& m) { (*measurement(m).mutable_scalars())["a b"] = 1; },
             "measurement.scalars");
  expect_bad([&](v1::WorkerMessage& m) { (*measurement(m).mutable_vectors())[""]; },
             "measurement.vectors");
  expect_bad(
      [&](v1::WorkerMessage& m) {
        for (int i = 0; i < 1001; ++i)
          (*measurement(m).mutable_scalars())[absl::StrCat("m", i)] = i;
      },
      "1002");
  expect_bad(
      [&](v1::WorkerMessage& m) {
        (*measurement(m).mutable_vectors())["v"].mutable_values()->Resize(10001, 0);
      },
      "10001");
  expect_bad([&](v1::WorkerMessage& m) { m.mutable_report()->set_attempt("x"); }, "x");
  expect_bad([&](v1::WorkerMessage& m) { m.mutable_free_slots()->set_count(-1); }, "count");
  expect_bad([&](v1::WorkerMessage& m) { m.mutable_completion()->set_attempt(kFirst); },
             "completion.outcome");
  expect_bad(
      [&](v1::WorkerMessage& m) {
        m.mutable_completion()->set_attempt(kFirst);
        m.mutable_completion()->set_outcome(v1::ATTEMPT_OUTCOME_COMPLETED);
        m.mutable_completion()->mutable_free_slots()->set_count(4097);
      },
      "count");
  expect_bad([&](v1::WorkerMessage& m) { *m.mutable_hello() = worker.MakeHello(); }, "hello");
  expect_bad([&](v1::WorkerMessage& m) { m.Clear(); }, "none of");
  Flush();
  EXPECT_THAT(Measurements("s"), IsEmpty());
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_RUNNING);
}

TEST_F(CoordinatorTest, ListsWorkers) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), SizeIs(1));
  clock_.Advance(absl::Seconds(5));
  worker.Disconnect();
  const std::vector<v1::Worker> workers = coordinator_->Workers();
  ASSERT_THAT(workers, SizeIs(1));
  EXPECT_EQ(workers[0].id(), "w");
  EXPECT_EQ(workers[0].slots(), 4);
  EXPECT_EQ(workers[0].busy_slots(), 1);
  EXPECT_FALSE(workers[0].connected());
  EXPECT_THAT(workers[0].runs(), ElementsAre("studies/s/trials/0/runs/0"));
  EXPECT_EQ(workers[0].last_seen_time().seconds() + 5, absl::ToUnixSeconds(clock_.WallNow()));
}

}  // namespace
}  // namespace tpsweep::server
