// Population-based training in the coordinator: trials that go on from others.
#include "common/spec/validate.h"
#include "server/coordinator/queries.h"
#include "server/coordinator/simulation.h"
#include "tests/unit/coordinator/scheduling_fixture.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

v1::StudySpec PbtSpec(const std::string& study, int64_t population = 8, int replicates = 1) {
  v1::StudySpec spec = MakeSpec(study, population, replicates);
  spec.mutable_training()->set_epochs(4);
  spec.mutable_search()->mutable_scheduler()->mutable_pbt()->set_population(population);
  spec.mutable_checkpoints()->set_keep_best(0);
  return spec;
}

// All that was decided.
std::vector<std::string> Decisions(const std::vector<v1::Trial>& trials) {
  std::vector<std::string> decisions;
  for (const v1::Trial& trial : trials) {
    decisions.push_back(absl::StrCat(
        trial.number(), " lr ", trial.parameters(0).value().number_value(), " ", trial.source(),
        " from ", trial.fork().parent(), " at ", trial.fork().epoch(), " for ",
        trial.fork().replaces(), " of ", trial.fork().root(), " to ", trial.epochs(), " ",
        v1::TrialState_Name(trial.state()), " ", trial.objective()));
  }
  return decisions;
}

class PopulationTest : public SchedulingTest {
 protected:
  double Value(const v1::Lease& lease, int64_t epoch) const override {
    const bool diverges = diverges_at_.count({ParseAttemptName(lease.attempt())->trial, epoch}) > 0;
    return diverges ? NAN : SchedulingTest::Value(lease, epoch);
  }
  std::vector<v1::Trial> Forks(const std::string& study) {
    std::vector<v1::Trial> forks = Trials(study);
    std::erase_if(forks, [](const v1::Trial& trial) { return !trial.has_fork(); });
    return forks;
  }
  std::string EventMessages(const std::string& study, const std::string& type) {
    std::string messages;
    const std::vector<v1::Event> events = store_.ListEvents("studies/" + study, 0, 10000).value();
    for (const v1::Event& event : events) {
      if (event.type() == type) absl::StrAppend(&messages, event.message(), "\n");
    }
    return messages;
  }
  // All of a population at their first rung, and the first lease after that.
  v1::Lease FirstFork(const v1::StudySpec& spec) {
    Create(spec);
    const int runs =
        static_cast<int>(spec.search().scheduler().pbt().population()) * spec.search().replicates();
    EXPECT_TRUE(Train(runs));
    TP_EXPECT_OK(worker_.Offer(1));
    Flush();
    const std::vector<v1::Lease> leases = worker_.TakeWholeLeases();
    return leases.empty() ? v1::Lease() : leases[0];
  }
  absl::StatusOr<v1::Study> ExtendTrial(const std::string& trial, int64_t epochs) {
    v1::ExtendTrialRequest request;
    request.set_name("studies/" + trial);
    request.set_epochs(epochs);
    absl::StatusOr<v1::Study> answer = absl::UnknownError("no answer");
    coordinator_->ExtendTrial(
        request, [&](absl::StatusOr<v1::Study> result) { answer = std::move(result); });
    for (int i = 0; i < 2; ++i) Flush();
    return answer;
  }

  std::set<std::pair<int64_t, int64_t>> diverges_at_;  // trials and epochs
};

TEST_F(PopulationTest, TheWorstAreReplacedFromTheCheckpointsOfTheBest) {
  Create(PbtSpec("s"));
  EXPECT_EQ(Study("s").expected_runs(), -1);
  EXPECT_FALSE(Train());
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(epochs_trained_, 8 * 4) << "nothing is trained twice";
  const std::vector<v1::Trial> trials = Trials("s");
  ASSERT_THAT(trials, SizeIs(8 + 3 * 2)) << "two of eight at each of three rungs";
  EXPECT_EQ(States("s").at(v1::TRIAL_STATE_SUCCEEDED), 8);
  EXPECT_EQ(States("s").at(v1::TRIAL_STATE_STOPPED), 6);
  for (const v1::Trial& trial : Forks("s")) {
    const v1::Trial& parent = trials[static_cast<size_t>(trial.fork().parent())];
    const v1::Trial& beaten = trials[static_cast<size_t>(trial.fork().replaces())];
    EXPECT_EQ(trial.source(), "pbt");
    EXPECT_EQ(trial.fork().epoch(), (trial.number() - 8) / 2 + 1);
    EXPECT_NE(trial.parameters(0).value().number_value(),
              parent.parameters(0).value().number_value());
    EXPECT_EQ(beaten.state(), v1::TRIAL_STATE_STOPPED);
    EXPECT_EQ(beaten.epochs(), trial.fork().epoch());
    EXPECT_EQ(Run(absl::StrCat("s/trials/", beaten.number(), "/runs/0")).message(),
              absl::StrCat("beaten at its rung; trial ", trial.number(),
                           " goes on in its place from trial ", parent.number()));
    const std::string run = absl::StrCat("s/trials/", trial.number(), "/runs/0");
    EXPECT_EQ(Run(run).seed(), Run(absl::StrCat("s/trials/", parent.number(), "/runs/0")).seed())
        << "and with it the validation set";
    EXPECT_EQ(Measurements(run)[0].measurement().epoch(), trial.fork().epoch() + 1);
    EXPECT_THAT(started_, testing::Contains(std::pair(absl::StrCat("studies/", run, "/attempts/1"),
                                                      trial.fork().epoch() + 1)));
  }
  EXPECT_THAT(*checkpoints_.List(), IsEmpty()) << "their ends left none";
}

TEST_F(PopulationTest, ARestartAtAnyMomentChangesNothing) {
  diverges_at_ = {{1, 1}, {2, 1}, {4, 1}, {9, 2}};
  Create(PbtSpec("whole", 8, 2));
  Train();
  Create(PbtSpec("cut", 8, 2));
  while (Train(1)) Restart();
  EXPECT_EQ(Decisions(Trials("cut")), Decisions(Trials("whole")));
  EXPECT_EQ(Study("cut").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_GT(Forks("cut").size(), 6u);
  for (const v1::Trial& trial : Trials("cut")) EXPECT_EQ(trial.replicates(), 2);
}

TEST_F(PopulationTest, TheOrderOfResultsDecidesNothing) {
  v1::StudySpec spec = PbtSpec("s", 16);
  TP_ASSERT_OK(spec::Complete(spec));
  SimulationOptions options;
  options.objective = [](const v1::Trial& trial, int64_t, int64_t epoch) {
    const double lr = trial.parameters(0).value().number_value();
    return trial.number() % 7 == 3
               ? NAN
               : std::abs(std::log10(lr) + 3.5) + 1 / static_cast<double>(epoch);
  };
  options.epoch_seconds = [](const v1::Trial& trial) {
    return static_cast<double>(1 + (trial.number() * 5) % 11);
  };
  const Simulation alone = Simulate(spec, options);
  for (const int slots : {3, 16, 100}) {
    options.slots = slots;
    const Simulation simulation = Simulate(spec, options);
    EXPECT_EQ(Decisions(simulation.trials), Decisions(alone.trials)) << slots;
    EXPECT_EQ(simulation.epochs, alone.epochs) << "a child's begin at its birth";
  }
  EXPECT_EQ(alone.trials.back().epochs(), 4);
}

TEST_F(PopulationTest, EachReplicateGoesOnFromThatOfTheParent) {
  const v1::Lease lease = FirstFork(PbtSpec("s", 4, 2));
  const v1::Trial child = Forks("s").at(0);
  const std::string parent = absl::StrCat("studies/s/trials/", child.fork().parent(), "/runs/");
  EXPECT_THAT(Get(lease.attempt()), IsOkAndHolds(HasSubstr(parent + "0/")));
  TrainOne(lease);
  TP_ASSERT_OK(worker_.Offer(1));
  Flush();
  const std::vector<v1::Lease> second = worker_.TakeWholeLeases();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_THAT(Get(second[0].attempt()), IsOkAndHolds(HasSubstr(parent + "1/")));
  EXPECT_EQ(second[0].checkpoint().attempt(), 0);
}

TEST_F(PopulationTest, WhoDivergesIsReplacedToo) {
  diverges_at_ = {{0, 1}, {2, 1}, {3, 2}};
  Create(PbtSpec("s", 4));
  Train();
  std::vector<int64_t> replaced;
  for (const v1::Trial& trial : Forks("s")) {
    if (trial.fork().epoch() == 1) replaced.push_back(trial.fork().replaces());
  }
  EXPECT_THAT(replaced, ElementsAre(0, 2));
  EXPECT_EQ(Trials("s")[0].state(), v1::TRIAL_STATE_INFEASIBLE);
  EXPECT_EQ(States("s").at(v1::TRIAL_STATE_SUCCEEDED), 4) << "the population is whole again";
}

TEST_F(PopulationTest, AServerKilledBeforeItHadCopiedACheckpointCopiesItWhenItStarts) {
  const v1::Lease lease = FirstFork(PbtSpec("s"));
  const v1::Trial child = Forks("s").at(0);
  const CheckpointName copy{{"s", child.number(), 0}, lease.checkpoint().sha256()};
  const absl::StatusOr<std::string> bytes = checkpoints_.Read(copy, 0, 1000);
  TP_ASSERT_OK(bytes);
  // As if the record had just become durable.
  TP_ASSERT_OK(checkpoints_.Remove(copy));
  EXPECT_THAT(Get(lease.attempt()), IsOkAndHolds(*bytes)) << "the parent's";
  Restart();
  EXPECT_THAT(checkpoints_.Read(copy, 0, 1000), IsOkAndHolds(*bytes));
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_THAT(*checkpoints_.List(), IsEmpty());
}

TEST_F(PopulationTest, WithoutItsParentsCheckpointARunIsTrainedFromItsBeginning) {
  const v1::Lease lease = FirstFork(PbtSpec("s"));
  const v1::Trial child = Forks("s").at(0);
  const std::string sha256 = lease.checkpoint().sha256();
  for (const int64_t trial : {child.number(), child.fork().parent()}) {
    TP_ASSERT_OK(checkpoints_.Remove({{"s", trial, 0}, sha256}));
  }
  EXPECT_THAT(Get(lease.attempt()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("gone")));
  EXPECT_THAT(Get(lease.attempt(), sha256), IsOkAndHolds(""));
  v1::Lease begins_again = lease;
  begins_again.clear_checkpoint();
  TrainOne(begins_again);
  Flush();
  EXPECT_THAT(EventMessages("s", "run.checkpoint_rejected"),
              HasSubstr("after epoch 1: it is gone; it was that of the trial's parent, and without "
                        "it the run is trained from its beginning"));
  EXPECT_EQ(Run(absl::StrCat("s/trials/", child.number(), "/runs/0")).state(),
            v1::RUN_STATE_PAUSED);
  EXPECT_EQ(Run(absl::StrCat("s/trials/", child.number(), "/runs/0")).latest().epoch(), 2);
  Train();
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(PopulationTest, AReplicateWhoseParentHasNoneIsTrainedFromItsBeginning) {
  v1::StudySpec spec = PbtSpec("s", 2, 2);
  Create(spec);
  TP_ASSERT_OK(worker_.Connect(*coordinator_));
  for (int i = 0; i < 4; ++i) {
    TP_ASSERT_OK(worker_.Offer(1));
    Flush();
    const std::vector<v1::Lease> leases = worker_.TakeWholeLeases();
    ASSERT_THAT(leases, SizeIs(1));
    if (i % 2 == 1) {  // the second replicate of both
      TP_ASSERT_OK(worker_.Complete(leases[0].attempt(), 0, v1::ATTEMPT_OUTCOME_INFEASIBLE));
    } else {
      TrainOne(leases[0]);
    }
  }
  Train();
  const v1::Trial child = Forks("s").at(0);
  EXPECT_THAT(started_, testing::Contains(std::pair(
                            absl::StrCat("studies/s/trials/", child.number(), "/runs/1/attempts/1"),
                            int64_t{1})));
  EXPECT_THAT(EventMessages("s", "run.queued"),
              HasSubstr("trained from its beginning: this replicate of trial"));
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(PopulationTest, BudgetsAreKept) {
  v1::StudySpec spec = PbtSpec("trials", 4);
  spec.mutable_budget()->set_trials(5);
  Create(spec);
  Train();
  EXPECT_THAT(Trials("trials"), SizeIs(5));
  EXPECT_EQ(States("trials").at(v1::TRIAL_STATE_SUCCEEDED), 2) << "4, then 4, 3, 2";
  EXPECT_EQ(Study("trials").state(), v1::STUDY_STATE_COMPLETED);

  for (const int64_t epochs : {3, 7, 8, 9, 11, 15}) {
    const std::string name = absl::StrCat("epochs-", epochs);
    spec = PbtSpec(name, 4);
    spec.mutable_budget()->set_epochs(epochs);
    Create(spec);
    epochs_trained_ = 0;
    Train();
    EXPECT_EQ(Study(name).state(), v1::STUDY_STATE_COMPLETED);
    EXPECT_LE(epochs_trained_, epochs);
    EXPECT_GE(epochs_trained_, std::min<int64_t>(epochs, 9)) << epochs;
    EXPECT_THAT(Trials(name), SizeIs(epochs < 4 ? epochs : 4 + (epochs - 4) / 4)) << epochs;
  }
}

TEST_F(PopulationTest, EachValueOfBudgetPerHasAPopulation) {
  v1::StudySpec spec = PbtSpec("s", 4);
  spec.mutable_training()->clear_bp();
  spec.mutable_training()->mutable_network()->add_hidden(8);
  v1::Parameter& rule = *spec.add_space();
  rule.set_path("training.rule");
  for (const char* name : {"bp", "dfa"}) {
    rule.mutable_choice()->add_values()->set_string_value(name);
  }
  spec.mutable_budget()->set_per("training.rule");
  Create(spec);
  while (Train(1)) Restart();
  EXPECT_THAT(Trials("s"), SizeIs(14));
  for (const v1::Trial& trial : Forks("s")) {
    for (const int64_t other : {trial.fork().parent(), trial.fork().replaces()}) {
      EXPECT_EQ(Trials("s")[static_cast<size_t>(other)].parameters(1).value().string_value(),
                trial.parameters(1).value().string_value());
    }
  }
  EXPECT_EQ(States("s").at(v1::TRIAL_STATE_SUCCEEDED), 8);
}

TEST_F(PopulationTest, TrialsOfWhichNothingWasKeptAreNotExtended) {
  Create(PbtSpec("s", 2));
  Train();
  const v1::Trial child = Forks("s").at(0);
  EXPECT_THAT(ExtendTrial(ToString(TrialName{"s", child.number()}).substr(8), 9),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("cannot be trained again from the beginning")));
  v1::ExtendStudyRequest request;
  request.set_name("studies/s");
  request.set_trials(100);
  absl::Status answer;
  coordinator_->ExtendStudy(request,
                            [&](absl::StatusOr<v1::Study> result) { answer = result.status(); });
  for (int i = 0; i < 2; ++i) Flush();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("there are no more")));
}

TEST_F(PopulationTest, ATrialWhoseStateWasKeptIsExtendedFromThere) {
  v1::StudySpec spec = PbtSpec("s", 2);
  spec.mutable_search()->mutable_scheduler()->mutable_pbt()->set_every(3);
  spec.mutable_checkpoints()->set_keep_best(2);
  Create(spec);
  Train();
  const v1::Trial child = Forks("s").at(0);
  ASSERT_EQ(child.epochs(), 4);
  started_.clear();
  TP_ASSERT_OK(ExtendTrial(ToString(TrialName{"s", child.number()}).substr(8), 9));
  Restart();
  Train();
  EXPECT_THAT(started_, ElementsAre(testing::Pair(HasSubstr(child.name()), 5)));
  EXPECT_EQ(Trials("s")[static_cast<size_t>(child.number())].epochs(), 9);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_COMPLETED);
}

TEST_F(PopulationTest, ExplainTellsTheLine) {
  Create(PbtSpec("s", 2));
  Train();
  const v1::Trial last = Forks("s").back();
  v1::ExplainRequest request;
  request.set_name(last.name());
  TP_ASSERT_OK_AND_ASSIGN(const v1::Explanation explanation,
                          Queries(store_, *coordinator_).Explain(request));
  EXPECT_EQ(explanation.lines(1), "chosen by pbt");
  EXPECT_THAT(explanation.lines(2),
              testing::AllOf(HasSubstr(absl::StrCat("in place of trial ", last.fork().replaces())),
                             HasSubstr(absl::StrCat("trial ", last.fork().parent(),
                                                    " to epoch 3, "
                                                    "then this one"))));
}

TEST_F(PopulationTest, PopulationsThatMakeNoSenseAreRefused) {
  const auto refusal = [](v1::StudySpec spec) {
    return std::string(spec::Complete(spec).message());
  };
  v1::StudySpec spec = PbtSpec("s", 1);
  EXPECT_THAT(refusal(spec), HasSubstr("search.scheduler.pbt.population: 1 is not in [2, 10000]"));
  spec = PbtSpec("s");
  spec.mutable_search()->mutable_scheduler()->mutable_pbt()->set_quantile(0.6);
  EXPECT_THAT(refusal(spec), HasSubstr("search.scheduler.pbt.quantile: 0.6 is not in (0, 0.5]"));
  spec = PbtSpec("s");
  spec.mutable_search()->mutable_scheduler()->mutable_pbt()->set_every(4);
  EXPECT_THAT(refusal(spec),
              HasSubstr("search.scheduler.pbt.every: 4 is not below training.epochs, 4"));
  spec = PbtSpec("s");
  spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(7);
  EXPECT_THAT(refusal(spec), HasSubstr("search.scheduler.pbt.population: 8 is more than the 7 of "
                                       "search.sampler.random.trials"));
  spec = PbtSpec("s");
  spec.mutable_search()->mutable_sampler()->mutable_grid();
  spec.mutable_space(0)->set_points(9);
  EXPECT_THAT(refusal(spec), HasSubstr("search.sampler: grid tries every combination"));
  spec = PbtSpec("s");
  spec.mutable_space(0)->mutable_choice()->add_values()->set_number_value(0.1);
  EXPECT_THAT(refusal(spec), HasSubstr("search.scheduler.pbt: changes real numbers"));
  spec = PbtSpec("s");
  spec.add_further_objectives()->set_metric("train/loss");
  EXPECT_THAT(refusal(spec), HasSubstr("the scheduler pbt ranks by one objective"));
  spec = PbtSpec("s", 8, 3);
  spec.mutable_search()->mutable_racing()->set_min_replicates(2);
  EXPECT_THAT(refusal(spec), HasSubstr("search.racing.min_replicates: 2 is not 0 (no race)"));
}

}  // namespace
}  // namespace tpsweep::server
