// What users ask of the coordinator.
#include "server/coordinator/queries.h"
#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";

class StudiesTest : public CoordinatorTest {
 protected:
  absl::StatusOr<v1::Study> CreateWithKey(const v1::StudySpec& spec, const std::string& key,
                                          bool validate_only = false) {
    v1::CreateStudyRequest request;
    *request.mutable_spec() = spec;
    request.set_idempotency_key(key);
    request.set_validate_only(validate_only);
    absl::StatusOr<v1::Study> answer = absl::UnknownError("no answer");
    coordinator_->CreateStudy(request,
                              [&](absl::StatusOr<v1::Study> study) { answer = std::move(study); });
    (void)writer_->Flush();
    return answer;
  }
  std::string WaitingReason(const std::string& study) {
    v1::GetStudyRequest request;
    request.set_name("studies/" + study);
    return Queries(store_, *coordinator_).GetStudy(request).value().waiting_reason();
  }
};

TEST_F(StudiesTest, AnswersOnlyWhenDurable) {
  v1::CreateStudyRequest request;
  *request.mutable_spec() = MakeSpec("s", 3, 2);
  int answers = 0;
  coordinator_->CreateStudy(request, [&](absl::StatusOr<v1::Study> study) {
    TP_ASSERT_OK(study);
    ++answers;
    EXPECT_EQ(study->name(), "studies/s");
    EXPECT_EQ(study->state(), v1::STUDY_STATE_ACTIVE);
    EXPECT_EQ(study->expected_runs(), 6);
    EXPECT_EQ(study->spec().training().batch_size(), 128);
    EXPECT_EQ(study->waiting_reason(), "no worker is connected");
  });
  EXPECT_EQ(answers, 0);
  EXPECT_THAT(store_.GetStudy("studies/s"), StatusIs(absl::StatusCode::kNotFound));
  Flush();
  EXPECT_EQ(answers, 1);
  TP_EXPECT_OK(store_.GetStudy("studies/s"));
}

TEST_F(StudiesTest, ValidateOnlyStoresNothing) {
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, CreateWithKey(MakeSpec("s", 3), "", true));
  EXPECT_EQ(study.expected_runs(), 3);
  EXPECT_EQ(study.spec().training().batch_size(), 128);
  EXPECT_EQ(store_.num_commits(), 0);
}

TEST_F(StudiesTest, BadSpecIsRefusedAtTheDoor) {
  v1::StudySpec spec = MakeSpec("s", 3);
  spec.mutable_training()->set_batch_size(0);
  EXPECT_THAT(CreateWithKey(spec, ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("batch_size")));
  EXPECT_EQ(store_.num_commits(), 0);
}

TEST_F(StudiesTest, BudgetLimitsTrials) {
  v1::StudySpec spec = MakeSpec("s", 10);
  spec.mutable_budget()->set_trials(1);
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, CreateWithKey(spec, ""));
  EXPECT_EQ(study.expected_runs(), 1);
  FakeWorker worker("w", "a");
  EXPECT_THAT(StartWorker(worker, 4), SizeIs(1));
}

TEST_F(StudiesTest, NamesAreUnique) {
  TP_ASSERT_OK(CreateWithKey(MakeSpec("s", 3), ""));
  EXPECT_THAT(CreateWithKey(MakeSpec("s", 3), ""),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("'s'")));
  EXPECT_THAT(CreateWithKey(MakeSpec("s", 3), "key"), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(StudiesTest, CreatingTwiceWithOneKeyCreatesOnce) {
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study first, CreateWithKey(MakeSpec("s", 3), "key"));
  for (int round = 0; round < 2; ++round) {
    TP_ASSERT_OK_AND_ASSIGN(const v1::Study again, CreateWithKey(MakeSpec("s", 3), "key"));
    EXPECT_EQ(again.create_time().seconds(), first.create_time().seconds());
    EXPECT_THAT(CreateWithKey(MakeSpec("s", 4), "key"),
                StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another spec")));
    EXPECT_THAT(CreateWithKey(MakeSpec("t", 3), "key"),
                StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("used for study 's'")));
    clock_.Advance(absl::Seconds(10));
    Restart();  // the key is remembered
  }
  EXPECT_THAT(store_.ListStudies({}, {}).value().items, SizeIs(1));
}

TEST_F(StudiesTest, PausedStudyGetsNoLeases) {
  Create(MakeSpec("s", 3));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), SizeIs(1));
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study paused, Ask(&Coordinator::PauseStudy, "s"));
  EXPECT_EQ(paused.state(), v1::STUDY_STATE_PAUSED);
  TP_EXPECT_OK(Ask(&Coordinator::PauseStudy, "s"));
  // What runs goes on to its end.
  Train(worker, kFirst);
  TP_ASSERT_OK(worker.Offer(1));
  Flush();
  EXPECT_THAT(worker.TakeLeases(), IsEmpty());
  EXPECT_EQ(WaitingReason("s"), "paused");
  Restart();
  FakeWorker other("v", "b");
  EXPECT_THAT(StartWorker(other, 1), IsEmpty());
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study resumed, Ask(&Coordinator::ResumeStudy, "s"));
  EXPECT_EQ(resumed.state(), v1::STUDY_STATE_ACTIVE);
  EXPECT_THAT(other.TakeLeases(), ElementsAre("studies/s/trials/1/runs/0/attempts/1"));
}

TEST_F(StudiesTest, AStudyWhoseLastRunEndsWhilePausedIsCompleted) {
  Create(MakeSpec("s", 1));
  FakeWorker worker("w", "a");
  StartWorker(worker, 1);
  TP_ASSERT_OK(Ask(&Coordinator::PauseStudy, "s"));
  Train(worker, kFirst);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_THAT(Ask(&Coordinator::ResumeStudy, "s"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("completed")));
}

TEST_F(StudiesTest, CancelEndsEveryRun) {
  Create(MakeSpec("s", 5, 2));
  FakeWorker worker("w", "a");
  const std::vector<std::string> leases = StartWorker(worker, 3);
  Train(worker, leases[0]);
  worker.TakeAcks();
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, Ask(&Coordinator::CancelStudy, "s"));
  EXPECT_EQ(study.state(), v1::STUDY_STATE_CANCELLED);
  EXPECT_EQ(study.runs().succeeded(), 1);
  EXPECT_EQ(study.runs().cancelled(), 3);  // only created runs count
  std::vector<v1::Ack> acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(2));
  EXPECT_EQ(acks[0].directive(), v1::DIRECTIVE_STOP);
  EXPECT_EQ(acks[0].attempt(), leases[1]);
  // The worker obeys; its answer changes nothing.
  TP_ASSERT_OK(worker.Complete(leases[1], 0, v1::ATTEMPT_OUTCOME_CANCELLED));
  // The other run had just ended when the cancellation came.
  TP_ASSERT_OK(worker.Report(leases[2], {1, 2}));
  TP_ASSERT_OK(worker.Complete(leases[2], 2));
  acks = worker.TakeAcks();
  ASSERT_THAT(acks, SizeIs(3));
  EXPECT_TRUE(acks[0].completed());
  EXPECT_EQ(acks[1].directive(), v1::DIRECTIVE_ABANDON);
  EXPECT_EQ(acks[2].directive(), v1::DIRECTIVE_ABANDON);
  TP_ASSERT_OK(worker.Offer(4));
  Flush();
  EXPECT_THAT(worker.TakeLeases(), IsEmpty());
  EXPECT_EQ(Run("s/trials/1/runs/0").state(), v1::RUN_STATE_CANCELLED);
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_SUCCEEDED);
  EXPECT_EQ(Trials("s")[1].state(), v1::TRIAL_STATE_CANCELLED);
  EXPECT_THAT(store_.OpenAttempts().value(), IsEmpty());
  TP_EXPECT_OK(Ask(&Coordinator::CancelStudy, "s"));  // twice is no error
}

TEST_F(StudiesTest, OnlyEndedStudiesAreDeleted) {
  Create(MakeSpec("s", 1));
  EXPECT_THAT(Delete("s"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("active")));
  TP_ASSERT_OK(Ask(&Coordinator::CancelStudy, "s"));
  TP_ASSERT_OK(Delete("s"));
  EXPECT_THAT(store_.GetStudy("studies/s"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Delete("s"), StatusIs(absl::StatusCode::kNotFound));
  Create(MakeSpec("s", 1));  // the name is free again
  FakeWorker worker("w", "a");
  EXPECT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
}

TEST_F(StudiesTest, UnknownStudies) {
  EXPECT_THAT(Ask(&Coordinator::PauseStudy, "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'x'")));
  EXPECT_THAT(Ask(&Coordinator::CancelStudy, "x/trials/1"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(StudiesTest, SaysWhyNothingMoves) {
  Create(MakeSpec("s", 2));
  EXPECT_EQ(WaitingReason("s"), "no worker is connected");
  FakeWorker other("other", "a", {"fashion-mnist", "cifar"});
  StartWorker(other, 1);
  EXPECT_EQ(
      WaitingReason("s"),
      "no connected worker has data set 'mnist' (connected workers have: cifar, fashion-mnist)");
  FakeWorker busy("busy", "b", {"mnist"});
  StartWorker(busy, 0);
  EXPECT_EQ(WaitingReason("s"), "every slot of the connected workers is taken by other runs");
  TP_ASSERT_OK(busy.Offer(1));
  Flush();
  EXPECT_EQ(WaitingReason("s"), "");
  store_.FailAll(true);
  TP_ASSERT_OK(busy.Report(kFirst, {1}));
  EXPECT_FALSE(writer_->Flush().ok());
  EXPECT_EQ(WaitingReason("s"), "store cannot write: disk is full; retrying");
}

TEST_F(StudiesTest, DrainTakesNothingMore) {
  Create(MakeSpec("s", 5));
  FakeWorker worker("w", "a");
  ASSERT_THAT(StartWorker(worker, 1), ElementsAre(kFirst));
  coordinator_->Drain();
  EXPECT_THAT(worker.link().closed().value(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(CreateWithKey(MakeSpec("t", 1), ""),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("draining")));
  EXPECT_THAT(worker.Connect(*coordinator_), StatusIs(absl::StatusCode::kUnavailable));
  // The lease is there when the server is back.
  Restart();
  TP_ASSERT_OK(worker.Connect(*coordinator_, {kFirst}));
  EXPECT_EQ(worker.TakeAcks().at(0).directive(), v1::DIRECTIVE_CONTINUE);
}

TEST_F(StudiesTest, QueriesPageAndFilter) {
  Create(MakeSpec("s", 5));
  FakeWorker worker("w", "a", {"mnist"}, 10);
  for (const std::string& attempt : StartWorker(worker, 5)) Train(worker, attempt);
  const Queries queries(store_, *coordinator_);
  v1::ListRunsRequest runs;
  runs.set_parent("studies/s");
  runs.set_page_size(2);
  std::vector<std::string> names;
  do {
    TP_ASSERT_OK_AND_ASSIGN(const v1::ListRunsResponse page, queries.ListRuns(runs));
    EXPECT_LE(page.runs_size(), 2);
    for (const v1::Run& run : page.runs()) names.push_back(run.name());
    runs.set_page_token(page.next_page_token());
  } while (!runs.page_token().empty());
  EXPECT_THAT(names, SizeIs(5));
  runs.set_page_size(-1);
  EXPECT_THAT(queries.ListRuns(runs),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_size")));
  runs.set_page_size(0);
  runs.set_page_token("nonsense");
  EXPECT_THAT(queries.ListRuns(runs), StatusIs(absl::StatusCode::kInvalidArgument));

  v1::ListMeasurementsRequest measurements;
  measurements.set_parent("studies/s");
  measurements.add_metrics("train/loss");
  TP_ASSERT_OK_AND_ASSIGN(const auto filtered, queries.ListMeasurements(measurements));
  ASSERT_EQ(filtered.measurements_size(), 10);
  EXPECT_THAT(filtered.measurements(0).measurement().scalars(), IsEmpty());

  v1::BestTrialsRequest best;
  best.set_study("studies/s");
  best.set_count(3);
  TP_ASSERT_OK_AND_ASSIGN(const v1::BestTrialsResponse trials, queries.BestTrials(best));
  ASSERT_EQ(trials.trials_size(), 3);
  EXPECT_LE(trials.trials(0).objective(), trials.trials(1).objective());
  EXPECT_LE(trials.trials(1).objective(), trials.trials(2).objective());
}

}  // namespace
}  // namespace tpsweep::server
