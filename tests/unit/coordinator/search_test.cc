// What the coordinator tells samplers, and what it keeps for them.
#include <cmath>
#include <functional>

#include "server/coordinator/queries.h"
#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

v1::StudySpec TpeSpec(const std::string& study, int64_t trials) {
  v1::StudySpec spec = MakeSpec(study, trials);
  spec.mutable_search()->mutable_sampler()->mutable_tpe()->set_trials(trials);
  spec.mutable_search()->mutable_sampler()->mutable_tpe()->set_startup(4);
  return spec;
}

// Plays one worker with one slot, whose measurements the test makes up.
class SearchInCoordinatorTest : public CoordinatorTest {
 protected:
  using Measure = std::function<void(const v1::Trial& trial, v1::Measurement& measurement)>;

  // The error of a learning rate: a bowl around 1e-3.
  static void Bowl(const v1::Trial& trial, v1::Measurement& measurement) {
    const double at = std::log10(trial.parameters(0).value().number_value()) + 3;
    (*measurement.mutable_scalars())["validation/error"] = at * at / 4;
  }

  void Connect() {
    v1::Hello hello = FakeWorker("w", "a").MakeHello();
    hello.set_slots(1);
    link_ = std::make_shared<FakeLink>();
    session_ = coordinator_->Connect(hello, link_).value();
  }

  // Runs up to `trials` more trials.
  void Train(const std::string& study, int trials, const Measure& measure = Bowl) {
    for (int i = 0; i < trials; ++i) {
      v1::WorkerMessage offer;
      offer.mutable_free_slots()->set_count(1);
      TP_ASSERT_OK(coordinator_->Receive(session_, offer));
      TP_ASSERT_OK(writer_->Flush());
      std::string attempt;
      for (const v1::ServerMessage& message : link_->Take()) {
        if (message.has_lease()) attempt = message.lease().attempt();
      }
      if (attempt.empty()) return;
      v1::WorkerMessage report;
      report.mutable_report()->set_attempt(attempt);
      v1::Measurement& measurement = *report.mutable_report()->add_measurements();
      measurement.set_sequence(1);
      measure(Trials(study)[static_cast<size_t>(ParseAttemptName(attempt)->trial)], measurement);
      TP_ASSERT_OK(coordinator_->Receive(session_, report));
      v1::WorkerMessage completion;
      completion.mutable_completion()->set_attempt(attempt);
      completion.mutable_completion()->set_outcome(v1::ATTEMPT_OUTCOME_COMPLETED);
      completion.mutable_completion()->set_last_sequence(1);
      TP_ASSERT_OK(coordinator_->Receive(session_, completion));
      TP_ASSERT_OK(writer_->Flush());
    }
  }

  std::vector<double> Rates(const std::string& study) {
    std::vector<double> rates;
    for (const v1::Trial& trial : Trials(study)) {
      rates.push_back(trial.parameters(0).value().number_value());
    }
    return rates;
  }

  std::shared_ptr<FakeLink> link_;
  SessionId session_ = 0;
};

TEST_F(SearchInCoordinatorTest, ARestartedServerGoesOnAsIfUndisturbed) {
  Create(TpeSpec("undisturbed", 12));
  Connect();
  Train("undisturbed", 100);
  Create(TpeSpec("disturbed", 12));
  for (int i = 0; i < 12; ++i) {
    Train("disturbed", 1);
    Restart();
    Connect();
  }
  EXPECT_THAT(Rates("disturbed"), SizeIs(12));
  EXPECT_EQ(Rates("disturbed"), Rates("undisturbed"));
  EXPECT_EQ(Study("disturbed").state(), v1::STUDY_STATE_COMPLETED);
  EXPECT_EQ(Trials("disturbed")[3].source(), "startup");
  EXPECT_EQ(Trials("disturbed")[4].source(), "tpe");
}

TEST_F(SearchInCoordinatorTest, TrialsRecordObjectivesAndConstraints) {
  v1::StudySpec spec = MakeSpec("s", 1);
  spec.mutable_training()->mutable_network()->add_hidden(8);
  v1::Objective& further = *spec.add_further_objectives();
  further.set_metric("layer/update_norm[2]");
  further.set_goal(v1::GOAL_MAXIMIZE);
  v1::Constraint& constraint = *spec.add_constraints();
  constraint.set_metric("seconds");
  constraint.set_at_most(3);
  Create(spec);
  Connect();
  Train("s", 1, [](const v1::Trial& trial, v1::Measurement& measurement) {
    Bowl(trial, measurement);
    (*measurement.mutable_scalars())["seconds"] = 2.5;
    v1::Vector& norms = (*measurement.mutable_vectors())["layer/update_norm"];
    norms.add_values(7);
    norms.add_values(9);
  });
  const v1::Trial trial = Trials("s")[0];
  EXPECT_TRUE(trial.has_objective());
  EXPECT_THAT(trial.further_objectives(), ElementsAre(9));
  EXPECT_THAT(trial.constraints(), ElementsAre(2.5));
  EXPECT_THAT(Run("s/trials/0/runs/0").message(), IsEmpty());
}

TEST_F(SearchInCoordinatorTest, TheBestKeepTheConstraints) {
  v1::StudySpec spec = MakeSpec("s", 6);
  v1::Constraint& constraint = *spec.add_constraints();
  constraint.set_metric("seconds");
  constraint.set_at_most(2);
  Create(spec);
  Connect();
  // The objective is the better the longer it takes: trial 2 is the best that may be.
  Train("s", 6, [](const v1::Trial& trial, v1::Measurement& measurement) {
    const auto number = static_cast<double>(trial.number());
    (*measurement.mutable_scalars())["validation/error"] = 1 / (1 + number);
    (*measurement.mutable_scalars())["seconds"] = number;
  });
  v1::BestTrialsRequest request;
  request.set_study("studies/s");
  request.set_count(4);
  TP_ASSERT_OK_AND_ASSIGN(const auto best, Queries(store_, *coordinator_).BestTrials(request));
  std::vector<int64_t> numbers;
  for (const v1::Trial& trial : best.trials()) numbers.push_back(trial.number());
  EXPECT_THAT(numbers, ElementsAre(2, 1, 0, 3));
}

TEST_F(SearchInCoordinatorTest, AnObjectiveThatNoRunReportsIsNamedWithThoseThatExist) {
  v1::StudySpec spec = MakeSpec("s", 1);
  spec.mutable_objective()->set_metric("feedback/loss");
  Create(spec);
  Connect();
  Train("s", 1);
  EXPECT_THAT(Run("s/trials/0/runs/0").message(),
              HasSubstr("'feedback/loss' was not measured, so that the trial cannot be ranked by "
                        "it; there are validation/error"));
  EXPECT_FALSE(Trials("s")[0].has_objective());
}

TEST_F(SearchInCoordinatorTest, WhatIsImportedIsKeptWithTheStudy) {
  Create(MakeSpec("earlier", 30));
  Connect();
  Train("earlier", 30);
  ASSERT_EQ(Study("earlier").state(), v1::STUDY_STATE_COMPLETED);
  v1::StudySpec spec = TpeSpec("undisturbed", 6);
  spec.mutable_search()->add_import_from()->set_study("earlier");
  Create(spec);
  EXPECT_THAT(Study("undisturbed").imported(), SizeIs(30));
  EXPECT_TRUE(Study("undisturbed").imported(0).name().empty());
  Train("undisturbed", 100);
  EXPECT_EQ(Trials("undisturbed")[0].source(), "tpe");  // it knows enough at once

  spec.set_study("disturbed");
  Create(spec);
  TP_ASSERT_OK(Delete("earlier"));
  for (int i = 0; i < 6; ++i) {
    Train("disturbed", 1);
    Restart();
    Connect();
  }
  EXPECT_EQ(Rates("disturbed"), Rates("undisturbed"));
}

TEST_F(SearchInCoordinatorTest, ImportedParametersMayHaveAnotherName) {
  Create(MakeSpec("earlier", 3));
  Connect();
  Train("earlier", 3);
  v1::StudySpec spec = TpeSpec("s", 6);
  spec.mutable_training()->mutable_dtp();
  spec.mutable_training()->mutable_network()->add_hidden(8);
  spec.mutable_space(0)->set_path("training.feedback.lr");
  v1::Import& import = *spec.mutable_search()->add_import_from();
  import.set_study("earlier");
  v1::Renamed& renamed = *import.add_parameters();
  renamed.set_path("training.feedback.lr");
  renamed.set_there("training.forward.lr");
  Create(spec);
  ASSERT_THAT(Study("s").imported(), SizeIs(3));
  EXPECT_EQ(Study("s").imported(0).parameters(0).path(), "training.feedback.lr");
  EXPECT_LE(Study("s").imported(0).objective(), Study("s").imported(2).objective());
}

TEST_F(SearchInCoordinatorTest, WhatCannotBeImportedIsRefused) {
  Create(MakeSpec("earlier", 3));
  v1::StudySpec spec = TpeSpec("s", 6);
  v1::Import& import = *spec.mutable_search()->add_import_from();
  const auto refusal = [&] {
    v1::CreateStudyRequest request;
    *request.mutable_spec() = spec;
    std::string message;
    coordinator_->CreateStudy(request, [&](absl::StatusOr<v1::Study> study) {
      message = std::string(study.status().message());
    });
    return message;
  };
  import.set_study("nothing");
  EXPECT_THAT(refusal(), HasSubstr("search.import_from[0].study: there is no study 'nothing'"));
  import.set_study("earlier");
  EXPECT_THAT(refusal(), HasSubstr("search.import_from[0].study: study 'earlier' has not ended"));
  Connect();
  Train("earlier", 3);
  spec.mutable_objective()->set_metric("validation/loss");
  EXPECT_THAT(refusal(), HasSubstr("study 'earlier' had other objectives: minimize "
                                   "validation/error; here: minimize validation/loss"));
  spec.clear_objective();
  spec.mutable_space(0)->set_path("training.forward.weight_decay");
  EXPECT_THAT(refusal(),
              HasSubstr("search.import_from[0]: study 'earlier' has no parameter in common with "
                        "this one; it searched training.forward.lr"));
  v1::Renamed& renamed = *import.add_parameters();
  renamed.set_path("training.forward.weight_decay");
  renamed.set_there("training.forward.rate");
  EXPECT_THAT(refusal(), HasSubstr("study 'earlier' did not search 'training.forward.rate'; it "
                                   "searched training.forward.lr"));
}

}  // namespace
}  // namespace tpsweep::server
