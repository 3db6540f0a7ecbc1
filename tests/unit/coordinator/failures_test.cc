// A store that fails, and a server that is started again.
#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Fault = FaultyStore::Fault;

constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";

TEST_F(CoordinatorTest, NothingIsLostWhileTheStoreFails) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  store_.FailAll(true);
  TP_ASSERT_OK(worker.Report(kFirst, {1, 2}));
  EXPECT_THAT(writer_->Flush(), StatusIs(absl::StatusCode::kUnavailable));
  TP_ASSERT_OK(worker.Complete(kFirst, 2));
  EXPECT_THAT(writer_->Flush(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(worker.TakeAcks(), IsEmpty());
  // Users are refused at once, with the reason.
  EXPECT_THAT(Ask(&Coordinator::PauseStudy, "s"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk is full")));
  // The worker's silence is not held against it: its stream may not be read.
  clock_.Advance(absl::Minutes(10));
  coordinator_->Tick();
  EXPECT_FALSE(worker.link().closed().has_value());

  store_.FailAll(false);
  Flush();
  const std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_FALSE(acks.empty());
  EXPECT_TRUE(acks.back().completed());
  EXPECT_THAT(Measurements("s"), SizeIs(2));
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  coordinator_->Tick();
  EXPECT_FALSE(worker.link().closed().has_value());
}

TEST_F(CoordinatorTest, AUserDoesNotWaitForEver) {
  store_.FailAll(true);
  v1::CreateStudyRequest request;
  *request.mutable_spec() = MakeSpec("s", 1);
  request.set_idempotency_key("key");
  absl::Status answer = absl::UnknownError("no answer");
  const auto done = [&](absl::StatusOr<v1::Study> study) { answer = study.status(); };
  coordinator_->CreateStudy(request, done);
  EXPECT_FALSE(writer_->Flush().ok());
  clock_.Advance(absl::Seconds(9));
  coordinator_->Tick();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnknown));
  clock_.Advance(absl::Seconds(2));
  coordinator_->Tick();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk is full")));
  // Asked again later, the same study is there.
  store_.FailAll(false);
  Flush();
  coordinator_->CreateStudy(request, done);
  TP_EXPECT_OK(answer);
}

TEST_F(CoordinatorTest, ACommitWhoseAnswerWasLostCountsOnce) {
  store_.Plan({Fault::kLoseAnswer});
  v1::CreateStudyRequest request;
  *request.mutable_spec() = MakeSpec("s", 1);
  int answers = 0;
  coordinator_->CreateStudy(request, [&](absl::StatusOr<v1::Study> study) {
    TP_EXPECT_OK(study);
    ++answers;
  });
  EXPECT_FALSE(writer_->Flush().ok());
  EXPECT_EQ(answers, 0);
  Flush();
  EXPECT_EQ(answers, 1);

  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  store_.Plan({Fault::kLoseAnswer, Fault::kFail, Fault::kLoseAnswer});
  TP_ASSERT_OK(worker.Report(kFirst, {1}));
  EXPECT_FALSE(writer_->Flush().ok());
  TP_ASSERT_OK(worker.Report(kFirst, {2}));
  EXPECT_FALSE(writer_->Flush().ok());
  TP_ASSERT_OK(worker.Complete(kFirst, 2));
  EXPECT_FALSE(writer_->Flush().ok());
  Flush();
  EXPECT_THAT(Measurements("s"), SizeIs(2));
  EXPECT_TRUE(worker.TakeAcks().back().completed());
  EXPECT_THAT(EventTypes("s"), ElementsAre("study.created", "trial.created", "run.leased",
                                           "run.succeeded", "trial.succeeded", "study.completed"));
}

TEST_F(CoordinatorTest, WorkersGoOnAfterARestart) {
  Create(MakeSpec("s", 3));
  FakeWorker worker("w", "a");
  const std::vector<std::string> leases = StartWorker(worker, 2);
  ASSERT_THAT(leases, SizeIs(2));
  TP_ASSERT_OK(worker.Report(leases[0], {1}));
  Flush();
  TP_ASSERT_OK(worker.Report(leases[0], {2}));  // never durable
  Restart();
  clock_.Advance(absl::Seconds(29));  // the deadline is a fresh one
  coordinator_->Tick();
  // The second grant is not known to the worker: that run starts again.
  TP_ASSERT_OK(worker.Connect(*coordinator_, {leases[0]}));
  const std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].directive(), v1::DIRECTIVE_CONTINUE);
  EXPECT_EQ(acks[0].durable_sequence(), 1);
  TP_ASSERT_OK(worker.Report(leases[0], {2}));
  TP_ASSERT_OK(worker.Complete(leases[0], 2));
  TP_ASSERT_OK(worker.Offer(2));
  Flush();
  EXPECT_THAT(worker.TakeLeases(), ElementsAre("studies/s/trials/1/runs/0/attempts/2",
                                               "studies/s/trials/2/runs/0/attempts/1"));
  EXPECT_THAT(Measurements("s"), SizeIs(2));
}

TEST_F(CoordinatorTest, AWorkerThatDoesNotComeBackAfterARestartLosesItsLease) {
  Create(MakeSpec("s", 1));
  FakeWorker gone("gone", "a");
  StartWorker(gone, 1);
  Restart();
  FakeWorker other("other", "b");
  EXPECT_THAT(StartWorker(other, 1), IsEmpty());
  clock_.Advance(absl::Seconds(31));
  TP_ASSERT_OK(other.Heartbeat());
  coordinator_->Tick();
  Flush();
  EXPECT_THAT(other.TakeLeases(), ElementsAre("studies/s/trials/0/runs/0/attempts/2"));
}

TEST_F(CoordinatorTest, ARestartedStudyEndsAsAnUndisturbedOne) {
  Create(MakeSpec("calm", 6, 2));
  {
    FakeWorker worker("w", "a");
    StartWorker(worker, 0);
    for (int i = 0; i < 12; ++i) {
      TP_ASSERT_OK(worker.Offer(1));
      Flush();
      const std::vector<std::string> leases = worker.TakeLeases();
      ASSERT_THAT(leases, SizeIs(1));
      Train(worker, leases[0]);
    }
    worker.Disconnect();
  }
  Create(MakeSpec("wild", 6, 2));
  for (int i = 0; i < 12; ++i) {
    FakeWorker worker("w", absl::StrCat("wild", i));
    for (const std::string& attempt : StartWorker(worker, 1)) Train(worker, attempt);
    clock_.Advance(absl::Seconds(40));
    Restart();
  }
  EXPECT_EQ(Study("wild").state(), v1::STUDY_STATE_COMPLETED);
  const std::vector<v1::Trial> calm = Trials("calm");
  const std::vector<v1::Trial> wild = Trials("wild");
  ASSERT_EQ(calm.size(), wild.size());
  for (size_t i = 0; i < calm.size(); ++i) {
    EXPECT_EQ(calm[i].parameters(0).value().number_value(),
              wild[i].parameters(0).value().number_value());
    EXPECT_EQ(wild[i].state(), v1::TRIAL_STATE_SUCCEEDED);
    EXPECT_EQ(
        wild[i].objective(),
        (ValueOf(wild[i].name() + "/runs/0", 2) + ValueOf(wild[i].name() + "/runs/1", 2)) / 2);
  }
  EXPECT_EQ(Runs("calm")[3].seed(), Runs("wild")[3].seed());
}

}  // namespace
}  // namespace tpsweep::server
