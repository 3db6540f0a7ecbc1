// More work for what has ended: retries, extensions, larger budgets.
#include <functional>

#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class EditsTest : public CoordinatorTest {
 protected:
  static v1::StudySpec Spec(int64_t trials, int replicates = 1) {
    v1::StudySpec spec = MakeSpec("s", trials, replicates);
    spec.mutable_training()->set_epochs(2);
    return spec;
  }
  template <class Request>
  absl::StatusOr<v1::Study> Edit(void (Coordinator::*method)(const Request&,
                                                             Coordinator::StudyAnswer),
                                 const Request& request) {
    absl::StatusOr<v1::Study> answer = absl::UnknownError("no answer");
    ((*coordinator_).*method)(
        request, [&](absl::StatusOr<v1::Study> result) { answer = std::move(result); });
    (void)writer_->Flush();
    (void)writer_->Flush();
    return answer;
  }
  absl::StatusOr<v1::Study> ExtendTrial(int64_t trial, int64_t epochs) {
    v1::ExtendTrialRequest request;
    request.set_name(absl::StrCat("studies/s/trials/", trial));
    request.set_epochs(epochs);
    return Edit(&Coordinator::ExtendTrial, request);
  }
  absl::StatusOr<v1::Study> Retry(const std::string& name) {
    v1::RetryRunsRequest request;
    request.set_name(name);
    return Edit(&Coordinator::RetryRuns, request);
  }

  // Trains all there is; leaves final checkpoints as leases want them.
  void Train() {
    TP_EXPECT_OK(worker_.Connect(*coordinator_));
    for (;;) {
      TP_EXPECT_OK(worker_.Offer(1));
      Flush();
      const std::vector<v1::Lease> leases = worker_.TakeWholeLeases();
      if (leases.empty()) break;
      for (const v1::Lease& lease : leases) TrainOne(lease);
    }
    Flush();
  }
  void TrainOne(const v1::Lease& lease) {
    if (fails_ && fails_(lease.attempt())) {
      TP_EXPECT_OK(worker_.Complete(lease.attempt(), lease.checkpoint().sequence(),
                                    v1::ATTEMPT_OUTCOME_FAILED, "no memory"));
      return;
    }
    const int64_t last = lease.training().epochs();
    starts_.push_back(lease.checkpoint().epoch());
    std::vector<int64_t> sequences;
    for (int64_t i = lease.checkpoint().sequence() + 1; i <= last; ++i) sequences.push_back(i);
    TP_EXPECT_OK(worker_.Report(lease.attempt(), sequences));
    if (lease.keep_final()) {
      TP_EXPECT_OK(worker_.LeaveCheckpoint(
          lease.attempt(), MakeCheckpoint(1, last, lease.attempt()), lease.attempt()));
    }
    TP_EXPECT_OK(worker_.Complete(lease.attempt(), last));
  }

  FakeWorker worker_{"w", "w1"};
  std::function<bool(const std::string& attempt)> fails_;
  std::vector<int64_t> starts_;  // epochs where leases went on
};

TEST_F(EditsTest, TheBestTrialIsExtendedFromItsCheckpointTheOthersFromTheBeginning) {
  Create(Spec(3, 2));
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_THAT(checkpoints_.List().value(), SizeIs(2)) << "both replicates of the best";
  int64_t best = 0;
  for (const v1::Trial& trial : Trials("s")) {
    if (trial.objective() < Trials("s")[static_cast<size_t>(best)].objective())
      best = trial.number();
  }
  starts_.clear();
  Restart();
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study extended, ExtendTrial(best, 5));
  EXPECT_EQ(extended.state(), v1::STUDY_STATE_ACTIVE);
  Restart();
  Train();
  EXPECT_THAT(starts_, ElementsAre(2, 2));
  const v1::Trial after = Trials("s")[static_cast<size_t>(best)];
  EXPECT_EQ(after.state(), v1::TRIAL_STATE_SUCCEEDED);
  EXPECT_EQ(after.epochs(), 5);
  EXPECT_EQ(after.rungs_size(), 2);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(Study("s").runs().succeeded(), 6);
  EXPECT_THAT(Measurements(absl::StrCat("s/trials/", best), false), SizeIs(10));

  starts_.clear();
  TP_ASSERT_OK(ExtendTrial((best + 1) % 3, 4).status());
  Train();
  EXPECT_THAT(starts_, ElementsAre(0, 0)) << "to the same bits";
}

TEST_F(EditsTest, ExtensionsThatMakeNoSenseAreRefused) {
  Create(Spec(2));
  EXPECT_THAT(ExtendTrial(0, 9), StatusIs(absl::StatusCode::kNotFound));
  Train();
  EXPECT_THAT(ExtendTrial(0, 2), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("epochs: 2 is not above the 2")));
  EXPECT_THAT(ExtendTrial(7, 9), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED) << "a refusal changes nothing";
}

TEST_F(EditsTest, FailedRunsAreTriedAgainWithAllTheirTries) {
  fails_ = [](const std::string& attempt) {
    return attempt.find("/trials/1/runs/0/") != std::string::npos;
  };
  Create(Spec(3, 2));
  Train();
  EXPECT_EQ(Study("s").runs().failed(), 1);
  fails_ = nullptr;
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, Retry("studies/s"));
  EXPECT_EQ(study.runs().queued() + study.runs().running(), 1);
  EXPECT_EQ(study.runs().failed(), 0);
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(Study("s").runs().succeeded(), 6);
  EXPECT_EQ(Run("s/trials/1/runs/0").attempt(), 4) << "the fencing token goes on";
  EXPECT_EQ(Trials("s")[1].rungs().rbegin()->values_size(), 2);
  EXPECT_THAT(Retry("studies/s"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(EditsTest, AFailedReplicateOfATrialThatStillRunsIsTriedAgain) {
  fails_ = [](const std::string& attempt) { return attempt.find("/runs/0/") != std::string::npos; };
  Create(Spec(1, 2));
  TP_ASSERT_OK(worker_.Connect(*coordinator_));
  for (int i = 0; i < 3; ++i) {
    TP_ASSERT_OK(worker_.Offer(1));
    Flush();
    for (const v1::Lease& lease : worker_.TakeWholeLeases()) {
      TP_ASSERT_OK(worker_.Complete(lease.attempt(), 0, v1::ATTEMPT_OUTCOME_FAILED, "no memory"));
    }
  }
  Flush();
  ASSERT_EQ(Study("s").runs().failed(), 1);
  ASSERT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_ACTIVE);
  fails_ = nullptr;
  TP_ASSERT_OK(Retry("studies/s/trials/0/runs/0").status());
  Train();
  EXPECT_EQ(Study("s").runs().succeeded(), 2);
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_SUCCEEDED);
}

TEST_F(EditsTest, AStudyGetsMoreTrials) {
  Create(Spec(2));
  Train();
  v1::ExtendStudyRequest request;
  request.set_name("studies/s");
  request.set_trials(1);
  EXPECT_THAT(
      Edit(&Coordinator::ExtendStudy, request),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("trials: 1 is less than the 2")));
  request.set_trials(5);
  TP_ASSERT_OK_AND_ASSIGN(const v1::Study study, Edit(&Coordinator::ExtendStudy, request));
  EXPECT_EQ(study.expected_runs(), 5);
  EXPECT_EQ(study.spec().search().sampler().random().trials(), 5);
  Train();
  EXPECT_EQ(Study("s").runs().succeeded(), 5);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(EditsTest, AStudyGetsMoreBudgetAlsoWhileItRuns) {
  v1::StudySpec spec = Spec(100);
  spec.mutable_budget()->set_epochs(4);
  Create(spec);
  v1::ExtendStudyRequest request;
  request.set_name("studies/s");
  request.mutable_budget()->set_epochs(3);
  EXPECT_THAT(Edit(&Coordinator::ExtendStudy, request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("budget.epochs: 3 is less than the 4")));
  request.mutable_budget()->set_epochs(6);
  TP_ASSERT_OK(Edit(&Coordinator::ExtendStudy, request).status());
  Train();
  EXPECT_EQ(Study("s").runs().succeeded(), 3);
  request.mutable_budget()->set_epochs(10);
  TP_ASSERT_OK(Edit(&Coordinator::ExtendStudy, request).status());
  Restart();
  Train();
  EXPECT_EQ(Study("s").runs().succeeded(), 5);
}

TEST_F(EditsTest, ACancelledStudyStaysSo) {
  Create(Spec(2));
  TP_ASSERT_OK(Ask(&Coordinator::CancelStudy, "s"));
  EXPECT_THAT(Retry("studies/s"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Retry("studies/x"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(EditsTest, WithoutKeepBestNothingIsKept) {
  v1::StudySpec spec = Spec(2);
  spec.mutable_checkpoints()->set_keep_best(0);
  Create(spec);
  Train();
  EXPECT_THAT(checkpoints_.List().value(), IsEmpty());
  starts_.clear();
  TP_ASSERT_OK(ExtendTrial(0, 3).status());
  Train();
  EXPECT_THAT(starts_, ElementsAre(0));
}

}  // namespace
}  // namespace tpsweep::server
