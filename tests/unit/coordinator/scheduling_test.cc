// Schedulers, budgets and races in the coordinator: rungs, promotions, ends.
#include "tests/unit/coordinator/scheduling_fixture.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

v1::StudySpec AshaSpec(const std::string& study, int64_t trials, int replicates = 1) {
  v1::StudySpec spec = MakeSpec(study, trials, replicates);
  spec.mutable_training()->set_epochs(9);
  v1::AshaScheduler& asha = *spec.mutable_search()->mutable_scheduler()->mutable_asha();
  asha.set_first_epoch(1);
  asha.set_eta(3);
  spec.mutable_checkpoints()->set_keep_best(0);
  return spec;
}

TEST_F(SchedulingTest, AshaPromotesTheBestFromTheirCheckpoints) {
  Create(AshaSpec("s", 9));
  EXPECT_FALSE(Train());
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  const auto states = States("s");
  EXPECT_EQ(states.at(v1::TRIAL_STATE_SUCCEEDED), 1);
  EXPECT_EQ(states.at(v1::TRIAL_STATE_STOPPED), 8);
  EXPECT_EQ(Study("s").runs().succeeded(), 1);
  EXPECT_EQ(Study("s").runs().stopped(), 8);
  for (const v1::Trial& trial : Trials("s")) {
    EXPECT_EQ(trial.rungs(0).epochs(), 1);
    EXPECT_TRUE(trial.has_objective()) << "that of its last rung";
    if (trial.state() == v1::TRIAL_STATE_SUCCEEDED) {
      EXPECT_THAT(trial.rungs(), SizeIs(3));
      EXPECT_EQ(trial.rungs(2).epochs(), 9);
      EXPECT_EQ(trial.rungs(2).values(0), trial.objective());
    }
  }
  // 9 first epochs, then promotions only: nothing was trained twice.
  EXPECT_EQ(
      epochs_trained_, 9 + [&] {
        int64_t more = 0;
        for (const v1::Trial& trial : Trials("s")) more += trial.epochs() - 1;
        return more;
      }());
  const auto kept = checkpoints_.List();
  EXPECT_THAT(*kept, IsEmpty()) << "their ends left none";
}

TEST_F(SchedulingTest, ARestartAtAnyMomentChangesNothing) {
  Create(AshaSpec("whole", 12, 2));
  Train();
  const std::vector<v1::Trial> whole = Trials("whole");
  v1::StudySpec spec = AshaSpec("cut", 12, 2);
  Create(spec);
  while (Train(1)) Restart();
  const std::vector<v1::Trial> cut = Trials("cut");
  ASSERT_EQ(cut.size(), whole.size());
  for (size_t i = 0; i < cut.size(); ++i) {
    EXPECT_EQ(cut[i].state(), whole[i].state());
    EXPECT_EQ(cut[i].epochs(), whole[i].epochs());
    EXPECT_EQ(cut[i].objective(), whole[i].objective());
    EXPECT_EQ(cut[i].parameters(0).value().number_value(),
              whole[i].parameters(0).value().number_value());
    EXPECT_THAT(cut[i].rungs(), SizeIs(whole[i].rungs_size()));
  }
  EXPECT_EQ(Study("cut").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(SchedulingTest, ARungIsJudgedOnTheMeanOverReplicates) {
  Create(AshaSpec("s", 3, 2));
  Train(5);  // both replicates of two trials, and one of the third
  EXPECT_THAT(Trials("s")[0].rungs(), SizeIs(1));
  EXPECT_THAT(Trials("s")[2].rungs(), IsEmpty()) << "one replicate is still on its way";
  const v1::Rung rung = Trials("s")[0].rungs(0);
  ASSERT_THAT(rung.values(), SizeIs(2));
  EXPECT_NE(rung.values(0), rung.values(1));
  EXPECT_DOUBLE_EQ(Trials("s")[0].objective(), (rung.values(0) + rung.values(1)) / 2);
}

class TheFirstTrialIsWorst : public SchedulingTest {
 protected:
  double Value(const v1::Lease& lease, int64_t) const override {
    return lease.attempt().find("/trials/0/") != std::string::npos ? 2 : 1;
  }
  std::vector<v1::Lease> NextLeases() {
    TP_EXPECT_OK(worker_.Offer(1));
    Flush();
    return worker_.TakeWholeLeases();
  }
};

TEST_F(TheFirstTrialIsWorst, ButIsNotStoppedWhileAReplicateIsTriedAgain) {
  v1::StudySpec spec = MakeSpec("s", 2, 2);
  spec.mutable_training()->set_epochs(2);
  spec.mutable_search()->mutable_scheduler()->mutable_one_epoch()->set_best(1);
  Create(spec);
  TP_ASSERT_OK(worker_.Connect(*coordinator_));
  // One of its replicates fails for good; the other comes to the rung.
  for (int failures = 0; failures < 3;) {
    const std::vector<v1::Lease> leases = NextLeases();
    ASSERT_THAT(leases, SizeIs(1));
    if (leases[0].attempt().find("/trials/0/runs/0/") == std::string::npos) {
      TrainOne(leases[0]);
    } else {
      TP_ASSERT_OK(worker_.Complete(leases[0].attempt(), 0, v1::ATTEMPT_OUTCOME_FAILED));
      ++failures;
    }
    Flush();
  }
  ASSERT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_FAILED);
  while (Run("s/trials/0/runs/1").state() != v1::RUN_STATE_PAUSED) {
    for (const v1::Lease& lease : NextLeases()) TrainOne(lease);
    Flush();
  }
  v1::RetryRunsRequest retry;
  retry.set_name("studies/s/trials/0/runs/0");
  absl::Status retried = absl::UnknownError("no answer");
  coordinator_->RetryRuns(retry, [&](const absl::StatusOr<v1::Study>& s) { retried = s.status(); });
  Flush();
  TP_ASSERT_OK(retried);
  const std::vector<v1::Lease> again = NextLeases();
  ASSERT_THAT(again, SizeIs(1));
  ASSERT_EQ(again[0].attempt(), "studies/s/trials/0/runs/0/attempts/4");
  // The other trial comes, and is better.
  while (States("s").size() < 2 && Trials("s").size() < 2) {
    for (const v1::Lease& lease : NextLeases()) TrainOne(lease);
  }
  for (const v1::Lease& lease : NextLeases()) TrainOne(lease);
  Flush();
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_ACTIVE);
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_RUNNING);
  TrainOne(again[0]);
  Flush();
  Train();
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_STOPPED);
  EXPECT_EQ(Trials("s")[1].state(), v1::TRIAL_STATE_SUCCEEDED);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(SchedulingTest, PausingTheStudyDoesNotMixWithWaitingAtARung) {
  Create(AshaSpec("s", 3));
  Train(2);
  TP_ASSERT_OK(Ask(&Coordinator::PauseStudy, "s"));
  EXPECT_EQ(Study("s").runs().paused(), 2);
  Restart();
  TP_ASSERT_OK(Ask(&Coordinator::ResumeStudy, "s"));
  EXPECT_EQ(Study("s").runs().paused(), 2) << "they wait for the scheduler, not for us";
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(SchedulingTest, ARunHandedBackAtItsRungWaitsThereWithoutTraining) {
  Create(AshaSpec("s", 1));
  const std::vector<std::string> leased = StartWorker(worker_, 1);
  ASSERT_THAT(leased, SizeIs(1));
  TP_ASSERT_OK(worker_.Report(leased[0], {1}));
  TP_ASSERT_OK(worker_.LeaveCheckpoint(leased[0], MakeCheckpoint(1, 1, "x"), "x"));
  TP_ASSERT_OK(worker_.Complete(leased[0], 1, v1::ATTEMPT_OUTCOME_PREEMPTED));
  TP_ASSERT_OK(worker_.Offer(1));
  Flush();
  const std::vector<v1::Lease> again = worker_.TakeWholeLeases();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].checkpoint().epoch(), 1);
  EXPECT_EQ(again[0].pause_after_epoch(), 1);
  TP_ASSERT_OK(worker_.Complete(again[0].attempt(), 1, v1::ATTEMPT_OUTCOME_PAUSED));
  Flush();
  EXPECT_EQ(Run("s/trials/0/runs/0").state(), v1::RUN_STATE_STOPPED) << "nobody else is there";
}

TEST_F(SchedulingTest, CancellingEndsWhatWaits) {
  Create(AshaSpec("s", 9, 2));
  Train(7);
  TP_ASSERT_OK(Ask(&Coordinator::CancelStudy, "s"));
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_CANCELLED);
  for (const v1::Run& run : Runs("s")) EXPECT_EQ(run.state(), v1::RUN_STATE_CANCELLED);
  EXPECT_THAT(checkpoints_.List().value(), IsEmpty());
}

TEST_F(SchedulingTest, ABudgetOfEpochsIsNeverExceeded) {
  v1::StudySpec spec = AshaSpec("s", 1000);
  spec.mutable_budget()->set_epochs(50);
  Create(spec);
  EXPECT_EQ(Study("s").expected_runs(), -1);
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_LE(epochs_trained_, 50);
  EXPECT_GE(epochs_trained_, 42) << "what is left is too little for the next promotion";
}

TEST_F(SchedulingTest, ABudgetOfCoreSecondsEndsTheHandingOut) {
  v1::StudySpec spec = MakeSpec("s", 1000);
  spec.mutable_training()->set_epochs(1);
  spec.mutable_budget()->set_core_seconds(100);
  Create(spec);
  TP_ASSERT_OK(worker_.Connect(*coordinator_));
  int trained = 0;
  for (;; ++trained) {
    TP_ASSERT_OK(worker_.Offer(1));
    Flush();
    const std::vector<v1::Lease> leases = worker_.TakeWholeLeases();
    if (leases.empty()) break;
    clock_.Advance(absl::Seconds(15));
    TrainOne(leases[0]);
  }
  EXPECT_EQ(trained, 7);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(Trials("s")[0].core_seconds(), 15);
}

TEST_F(SchedulingTest, ABudgetOfWallTimeStopsWhatIsQueued) {
  v1::StudySpec spec = MakeSpec("s", 1000, 2);
  spec.mutable_training()->set_epochs(1);
  spec.mutable_budget()->set_wall_seconds(60);
  Create(spec);
  Train(3);
  clock_.Advance(absl::Seconds(61));
  coordinator_->Tick();
  Flush();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(Study("s").runs().succeeded(), 3);
  EXPECT_EQ(Study("s").runs().stopped(), 1);
  EXPECT_THAT(Run("s/trials/1/runs/1").message(), HasSubstr("budget.wall_seconds"));
  EXPECT_EQ(Trials("s")[1].state(), v1::TRIAL_STATE_SUCCEEDED) << "of one replicate";
}

TEST_F(SchedulingTest, EachValueOfBudgetPerGetsTheBudget) {
  v1::StudySpec spec = AshaSpec("s", 6);
  spec.mutable_training()->clear_bp();
  spec.mutable_training()->mutable_network()->add_hidden(8);
  v1::Parameter& rule = *spec.add_space();
  rule.set_path("training.rule");
  for (const char* name : {"bp", "dfa", "dtp"}) {
    rule.mutable_choice()->add_values()->set_string_value(name);
  }
  spec.mutable_budget()->set_per("training.rule");
  Create(spec);
  EXPECT_EQ(Study("s").expected_runs(), 18);
  Train();
  std::map<std::string, int> trials;
  std::map<std::string, int> finished;
  std::vector<std::string> order;
  for (const v1::Trial& trial : Trials("s")) {
    const std::string name = trial.parameters(1).value().string_value();
    ++trials[name];
    order.push_back(name);
    finished[name] += trial.state() == v1::TRIAL_STATE_SUCCEEDED;
  }
  EXPECT_THAT(trials, ElementsAre(std::pair("bp", 6), std::pair("dfa", 6), std::pair("dtp", 6)));
  order.resize(3);
  EXPECT_THAT(order, ElementsAre("bp", "dfa", "dtp")) << "side by side";
}

TEST_F(SchedulingTest, ARaceSavesReplicatesOfTrialsThatAreClearlyBeaten) {
  v1::StudySpec spec = MakeSpec("s", 20, 10);
  spec.mutable_training()->set_epochs(2);
  spec.mutable_search()->mutable_racing()->set_min_replicates(3);
  Create(spec);
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  int64_t best = -1;
  int beaten = 0;
  for (const v1::Trial& trial : Trials("s")) {
    EXPECT_THAT(trial.replicates(), testing::AnyOf(3, 10));
    beaten += trial.replicates() == 3;
    if (best < 0 || trial.objective() < Trials("s")[static_cast<size_t>(best)].objective()) {
      best = trial.number();
    }
  }
  EXPECT_GT(beaten, 10);
  EXPECT_EQ(Trials("s")[static_cast<size_t>(best)].replicates(), 10);
}

TEST_F(SchedulingTest, SamplersLearnFromRungs) {
  v1::StudySpec spec = AshaSpec("s", 40);
  spec.mutable_search()->mutable_sampler()->mutable_tpe()->set_trials(40);
  Create(spec);
  Train();
  int by_model = 0;
  for (const v1::Trial& trial : Trials("s")) by_model += trial.source() == "tpe";
  EXPECT_EQ(by_model, 30);
}

TEST_F(SchedulingTest, BadSchedulersAreRefused) {
  const auto refusal = [this](const v1::StudySpec& spec) {
    v1::CreateStudyRequest request;
    *request.mutable_spec() = spec;
    absl::Status answer;
    coordinator_->CreateStudy(request,
                              [&](absl::StatusOr<v1::Study> study) { answer = study.status(); });
    return std::string(answer.message());
  };
  v1::StudySpec spec = AshaSpec("s", 3);
  spec.mutable_search()->mutable_scheduler()->mutable_asha()->set_first_epoch(9);
  EXPECT_THAT(refusal(spec), HasSubstr("search.scheduler.asha.first_epoch: 9 is not below "
                                       "training.epochs, 9"));
  spec = AshaSpec("s", 3);
  spec.mutable_search()->mutable_scheduler()->mutable_asha()->set_eta(1);
  EXPECT_THAT(refusal(spec), HasSubstr("search.scheduler.asha.eta: 1"));
  spec = AshaSpec("s", 3);
  spec.add_further_objectives()->set_metric("train/loss");
  EXPECT_THAT(refusal(spec), HasSubstr("ranks by one objective"));
  spec = AshaSpec("s", 3);
  spec.mutable_training()->clear_epochs();
  v1::Parameter& epochs = *spec.add_space();
  epochs.set_path("training.epochs");
  epochs.mutable_integer()->set_low(1);
  epochs.mutable_integer()->set_high(5);
  EXPECT_THAT(refusal(spec), HasSubstr("space.training.epochs: is searched, but the scheduler"));
  spec = MakeSpec("s", 3, 3);
  spec.mutable_search()->mutable_racing()->set_min_replicates(1);
  EXPECT_THAT(refusal(spec), HasSubstr("search.racing.min_replicates: 1"));
  spec = MakeSpec("s", 3);
  spec.mutable_budget()->set_per("training.rule");
  EXPECT_THAT(refusal(spec), HasSubstr("budget.per: 'training.rule' is not searched"));
}

}  // namespace
}  // namespace tpsweep::server
