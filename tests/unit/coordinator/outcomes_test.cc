// How attempts end, and what becomes of their runs.
#include <cmath>

#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";

TEST_F(CoordinatorTest, AFailedRunIsTriedThreeTimes) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  StartWorker(worker, 0);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    TP_ASSERT_OK(worker.Offer(1));
    Flush();
    const std::vector<std::string> leases = worker.TakeLeases();
    ASSERT_THAT(leases, ElementsAre(absl::StrCat("studies/s/trials/0/runs/0/attempts/", attempt)));
    TP_ASSERT_OK(worker.Complete(leases[0], 0, v1::ATTEMPT_OUTCOME_FAILED, "no such file"));
    Flush();
  }
  const v1::Run run = Run("s/trials/0/runs/0");
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(run.message(), "no such file");
  EXPECT_EQ(run.failures(), 3);
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_FAILED);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

// A worker of the same machine that tells of crashes.
v1::Hello HelloWithCrash(const FakeWorker& worker, const std::string& attempt) {
  v1::Hello hello = worker.MakeHello();
  v1::Crash& crash = *hello.add_crashes();
  crash.set_attempt(attempt);
  crash.set_what("SIGSEGV");
  return hello;
}

TEST_F(CoordinatorTest, ARunThatCrashesItsWorkerThreeTimesIsQuarantined) {
  Create(MakeSpec("s", 1));
  for (int i = 1; i <= 3; ++i) {
    FakeWorker worker(absl::StrCat("w", i), "x");
    const std::vector<std::string> attempts = StartWorker(worker, 1);
    ASSERT_THAT(attempts, ElementsAre(absl::StrCat("studies/s/trials/0/runs/0/attempts/", i)));
    worker.Disconnect();
    const FakeWorker successor(absl::StrCat("w", i), "y");
    for (int told = 0; told < 2; ++told) {  // told twice, it counts once
      TP_ASSERT_OK(
          coordinator_
              ->Connect(HelloWithCrash(successor, attempts[0]), std::make_shared<FakeLink>())
              .status());
      Flush();
      EXPECT_EQ(Run("s/trials/0/runs/0").failures(), i);
    }
  }
  const v1::Run run = Run("s/trials/0/runs/0");
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_THAT(run.message(), HasSubstr("crashed its worker (SIGSEGV)"));
  EXPECT_THAT(EventTypes("s"), testing::Contains("attempt.crashed").Times(3));
}

// It has the incarnation of the one that crashed, so that its other attempts go on.
TEST_F(CoordinatorTest, AWorkerThatComesBackIsNotSentWhatCrashedIt) {
  Create(MakeSpec("s", 2));
  FakeWorker worker("w", "x");
  const std::vector<std::string> attempts = StartWorker(worker, 2);
  ASSERT_THAT(attempts, testing::SizeIs(2));
  worker.Disconnect();
  v1::Hello hello = HelloWithCrash(worker, attempts[0]);
  hello.add_held_attempts(attempts[1]);
  const auto link = std::make_shared<FakeLink>();
  TP_ASSERT_OK(coordinator_->Connect(hello, link).status());
  Flush();
  for (const v1::ServerMessage& message : link->Take()) {
    EXPECT_FALSE(message.has_lease()) << message.ShortDebugString();
    if (message.has_ack()) {
      EXPECT_EQ(message.ack().attempt(), attempts[1]);
    }
  }
  EXPECT_EQ(Run("s/trials/0/runs/0").failures(), 1);
  EXPECT_EQ(Run("s/trials/1/runs/0").state(), v1::RUN_STATE_RUNNING);
}

TEST_F(CoordinatorTest, LossesWithoutACrashAreNoFailures) {
  Create(MakeSpec("s", 1));
  for (int i = 1; i <= 5; ++i) {
    FakeWorker worker("w", absl::StrCat("process-", i));
    ASSERT_THAT(StartWorker(worker, 1), testing::SizeIs(1));
    worker.Disconnect();
  }
  EXPECT_EQ(Run("s/trials/0/runs/0").failures(), 0);
}

TEST_F(CoordinatorTest, ARunHasSoMuchTimeInAllItsAttempts) {
  v1::StudySpec spec = MakeSpec("s", 1);
  spec.mutable_budget()->set_run_seconds(100);
  Create(spec);
  FakeWorker worker("w", "x");
  TP_ASSERT_OK(worker.Connect(*coordinator_));
  TP_ASSERT_OK(worker.Offer(1));
  Flush();
  const v1::Lease first = worker.TakeWholeLeases().at(0);
  EXPECT_EQ(first.time_left().seconds(), 100);
  clock_.Advance(absl::Seconds(20));
  TP_ASSERT_OK(worker.Complete(first.attempt(), 0, v1::ATTEMPT_OUTCOME_PREEMPTED));
  TP_ASSERT_OK(worker.Offer(1));
  Flush();
  const v1::Lease second = worker.TakeWholeLeases().at(0);
  EXPECT_EQ(second.time_left().seconds(), 80);
  TP_ASSERT_OK(worker.LeaveCheckpoint(second.attempt(), MakeCheckpoint(1, 0, "x"), "x"));
  TP_ASSERT_OK(worker.Complete(second.attempt(), 0, v1::ATTEMPT_OUTCOME_TIMED_OUT));
  Flush();
  const v1::Run run = Run("s/trials/0/runs/0");
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(run.failures(), 0) << "it used up its time, not its tries";
  EXPECT_THAT(run.message(), HasSubstr("100 seconds of budget.run_seconds"));
  // Tried again, it goes on from there with as much time as at first.
  v1::RetryRunsRequest retry;
  retry.set_name("studies/s");
  coordinator_->RetryRuns(
      retry, [](absl::StatusOr<v1::Study> study) { EXPECT_THAT(study.status(), IsOk()); });
  TP_ASSERT_OK(worker.Offer(1));
  Flush();
  Flush();
  const v1::Lease third = worker.TakeWholeLeases().at(0);
  EXPECT_EQ(third.time_left().seconds(), 100);
  EXPECT_EQ(third.checkpoint().attempt(), 2);
}

TEST_F(CoordinatorTest, HandedBackIsNotAFailure) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  StartWorker(worker, 0);
  for (int i = 0; i < 5; ++i) {
    TP_ASSERT_OK(worker.Offer(1));
    Flush();
    const std::vector<std::string> leases = worker.TakeLeases();
    ASSERT_THAT(leases, SizeIs(1));
    TP_ASSERT_OK(worker.Complete(leases[0], 0, v1::ATTEMPT_OUTCOME_PREEMPTED));
    Flush();
  }
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(Run("s/trials/0/runs/0").failures(), 0);
}

TEST_F(CoordinatorTest, DivergedRunsAreInfeasible) {
  Create(MakeSpec("s", 2, 2));
  FakeWorker worker("w", "a");
  const std::vector<std::string> leases = StartWorker(worker, 4);
  ASSERT_THAT(leases, SizeIs(4));
  TP_ASSERT_OK(worker.Complete(leases[0], 0, v1::ATTEMPT_OUTCOME_INFEASIBLE, "layer 2, step 7"));
  TP_ASSERT_OK(worker.Complete(leases[1], 0, v1::ATTEMPT_OUTCOME_INFEASIBLE));
  TP_ASSERT_OK(worker.Complete(leases[2], 0, v1::ATTEMPT_OUTCOME_INFEASIBLE));
  Train(worker, leases[3]);
  EXPECT_EQ(Run("s/trials/0/runs/0").message(), "layer 2, step 7");
  const std::vector<v1::Trial> trials = Trials("s");
  EXPECT_EQ(trials[0].state(), v1::TRIAL_STATE_INFEASIBLE);
  EXPECT_FALSE(trials[0].has_objective());
  EXPECT_EQ(trials[1].state(), v1::TRIAL_STATE_SUCCEEDED);
  EXPECT_EQ(trials[1].objective(), ValueOf(leases[3], 2));
  EXPECT_EQ(Study("s").runs().infeasible(), 3);
}

TEST_F(CoordinatorTest, NotANumberIsNoObjective) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  v1::WorkerMessage message;
  message.mutable_report()->set_attempt(kFirst);
  v1::Measurement& measurement = *message.mutable_report()->add_measurements();
  measurement.set_sequence(1);
  (*measurement.mutable_scalars())["validation/error"] = std::nan("");
  SessionId session = 0;
  auto link = std::make_shared<FakeLink>();
  TP_ASSERT_OK_AND_ASSIGN(session, coordinator_->Connect(worker.MakeHello({kFirst}), link));
  TP_ASSERT_OK(coordinator_->Receive(session, message));
  message.mutable_completion()->set_attempt(kFirst);
  message.mutable_completion()->set_outcome(v1::ATTEMPT_OUTCOME_COMPLETED);
  message.mutable_completion()->set_last_sequence(1);
  TP_ASSERT_OK(coordinator_->Receive(session, message));
  Flush();
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_SUCCEEDED);
  EXPECT_FALSE(Trials("s")[0].has_objective());
}
}  // namespace
}  // namespace tpsweep::server
