#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/results_json.h"
#include "client/results_table.h"
#include "client/results_view.h"
#include "client/study_results.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::client {
namespace {

using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Three trials of two runs: bp with lr 0.001 and 0.01, dtp with its own sigma.
class ResultsTest : public testing::Test {
 protected:
  ResultsTest() {
    results_.study.set_name("studies/look");
    results_.study.set_state(v1::STUDY_STATE_COMPLETED);
    v1::StudySpec& spec = *results_.study.mutable_spec();
    spec.mutable_objective()->set_metric("validation/error");
    spec.mutable_objective()->set_goal(v1::GOAL_MINIMIZE);
    spec.add_space()->set_path("training.rule");
    spec.add_space()->set_path("training.forward.lr");
    v1::Parameter& sigma = *spec.add_space();
    sigma.set_path("training.rule.dtp.sigma");
    sigma.add_when()->set_path("training.rule");
    AddTrial("bp", 0.001, {}, {0.2, 0.3});
    AddTrial("bp", 0.01, {}, {0.1, 0.2});
    AddTrial("dtp", 0.001, 0.25, {0.4, 0.4});
  }

  void AddTrial(const std::string& rule, double lr, std::optional<double> sigma,
                const std::vector<double>& errors) {
    TrialResults trial;
    const auto number = static_cast<int64_t>(results_.trials.size());
    trial.trial.set_number(number);
    trial.trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
    Assign(trial.trial, "training.rule").set_string_value(rule);
    Assign(trial.trial, "training.forward.lr").set_number_value(lr);
    if (sigma) Assign(trial.trial, "training.rule.dtp.sigma").set_number_value(*sigma);
    double sum = 0;
    for (const double error : errors) {
      const auto replicate = static_cast<int64_t>(trial.runs.size());
      v1::Run& run = trial.runs.emplace_back();
      run.set_name(absl::StrCat("studies/look/trials/", number, "/runs/", replicate));
      run.set_trial(number);
      run.set_replicate(replicate);
      run.set_seed(9007199254740991);
      run.set_state(v1::RUN_STATE_SUCCEEDED);
      (*run.mutable_latest()->mutable_scalars())["validation/error"] = error;
      (*run.mutable_latest()->mutable_scalars())["test/error"] = error / 2;
      v1::Vector& norms = (*run.mutable_latest()->mutable_vectors())["layer/target_norm"];
      norms.add_values(1.5);
      norms.add_values(kNan);
      run.mutable_latest()->set_wall_seconds(10 + static_cast<double>(replicate));
      sum += error;
    }
    trial.trial.set_objective(sum / static_cast<double>(errors.size()));
    results_.trials.push_back(trial);
  }

  static google::protobuf::Value& Assign(v1::Trial& trial, const std::string& path) {
    v1::Assignment& assignment = *trial.add_parameters();
    assignment.set_path(path);
    return *assignment.mutable_value();
  }

  static std::vector<std::string> Lines(const Listing& listing) {
    std::ostringstream out;
    Write(listing, Format::kTable, out);
    return absl::StrSplit(out.str(), '\n', absl::SkipEmpty());
  }

  StudyResults results_;
};

TEST(SpreadOf, IsMeanAndSampleDeviation) {
  EXPECT_FALSE(SpreadOf(std::vector<double>{}).has_value());
  const auto one = SpreadOf(std::vector<double>{3});
  EXPECT_DOUBLE_EQ(one->mean, 3);
  EXPECT_FALSE(one->deviation.has_value());
  const auto three = SpreadOf(std::vector<double>{1, 2, 6});
  EXPECT_DOUBLE_EQ(three->mean, 3);
  EXPECT_DOUBLE_EQ(*three->deviation, std::sqrt(7.0));
}

TEST(SpreadText, HasAsManyDigitsBehindAsBefore) {
  EXPECT_EQ(SpreadText(std::nullopt), "-");
  EXPECT_EQ(SpreadText(Spread{0.12, std::nullopt}), "0.1200");
  EXPECT_EQ(SpreadText(Spread{0.12, 0.00041}), "0.1200 ± 0.0004");
  EXPECT_EQ(SpreadText(Spread{1.5e-5, 2e-6}), "1.5e-05 ± 2e-06");
}

TEST_F(ResultsTest, SpreadTakesSucceededRunsOnly) {
  TrialResults& trial = results_.trials[0];
  trial.runs[1].set_state(v1::RUN_STATE_INFEASIBLE);
  EXPECT_DOUBLE_EQ(SpreadOf(trial, "validation/error")->mean, 0.2);
  EXPECT_FALSE(SpreadOf(trial, "validation/error")->deviation.has_value());
  EXPECT_FALSE(SpreadOf(trial, "no/such").has_value());
  EXPECT_DOUBLE_EQ(SecondsOf(trial)->mean, 10);
}

TEST_F(ResultsTest, ATrialThatWasStoppedIsWorthWhatItsRunsWereThere) {
  TrialResults& trial = results_.trials[0];
  for (v1::Run& run : trial.runs) run.set_state(v1::RUN_STATE_STOPPED);
  EXPECT_FALSE(SpreadOf(trial, "validation/error").has_value());
  trial.trial.set_state(v1::TRIAL_STATE_STOPPED);
  EXPECT_TRUE(SpreadOf(trial, "validation/error").has_value());
}

TEST_F(ResultsTest, JsonHasTheDocumentedShape) {
  results_.trials.resize(1);
  results_.trials[0].runs.resize(1);
  v1::Trial& trial = results_.trials[0].trial;
  trial.set_epochs(9);
  v1::Rung& rung = *trial.add_rungs();
  rung.set_epochs(9);
  rung.add_values(0.2);
  rung.add_values(0.3);
  const Json expected = Json::parse(R"({
    "version": 1, "study": "look", "state": "COMPLETED",
    "trials": [{
      "trial": 0, "state": "SUCCEEDED", "source": "", "parent": null, "born_at_epoch": 0,
      "parameters": {"training.rule": "bp", "training.forward.lr": 0.001},
      "objective": 0.25, "further_objectives": [], "constraints": [], "epochs": 9,
      "rungs": [{"epochs": 9, "values": [0.2, 0.3]}], "core_seconds": 0.0
    }],
    "runs": [{
      "run": "studies/look/trials/0/runs/0", "trial": 0, "replicate": 0,
      "seed": 9007199254740991, "state": "SUCCEEDED",
      "parameters": {"training.rule": "bp", "training.forward.lr": 0.001},
      "metrics": {"layer/target_norm": [1.5, null], "test/error": 0.1, "validation/error": 0.2}
    }]})");
  std::ostringstream out;
  WriteJson(ResultsJson(results_, false), out);
  EXPECT_EQ(Json::parse(out.str()), expected);
}

TEST_F(ResultsTest, JsonHistoryHasOneValueAnEpoch) {
  results_.trials.resize(1);
  std::vector<v1::Measurement>& epochs = results_.history["studies/look/trials/0/runs/0"];
  for (int epoch = 1; epoch <= 3; ++epoch) {
    v1::Measurement& measurement = epochs.emplace_back();
    measurement.set_epoch(epoch);
    (*measurement.mutable_scalars())["train/loss"] = epoch == 2 ? kNan : 1.0 / epoch;
    if (epoch == 3) (*measurement.mutable_scalars())["test/loss"] = 7;
    (*measurement.mutable_vectors())["layer/target_norm"].add_values(epoch);
  }
  std::ostringstream out;
  WriteJson(ResultsJson(results_, true), out);
  const Json runs = Json::parse(out.str())["runs"];
  EXPECT_EQ(runs[0]["history"]["train/loss"], Json({1.0, nullptr, 1.0 / 3}));
  EXPECT_EQ(runs[0]["history"]["test/loss"], Json({nullptr, nullptr, 7.0}));
  EXPECT_EQ(runs[0]["history"]["layer/target_norm"], Json::parse("[[1.0],[2.0],[3.0]]"));
  EXPECT_EQ(runs[1]["history"], Json::object()) << "nothing measured";
}

TEST_F(ResultsTest, JsonMeasurementsOfMiniBatchesHaveTheirPlaces) {
  results_.trials.resize(1);
  auto& steps = results_.step_measurements["studies/look/trials/0/runs/0"];
  for (int i = 0; i < 2; ++i) {
    v1::Measurement& measurement = steps.emplace_back();
    measurement.set_step(30 * i);
    measurement.set_epoch(i);
    v1::Vector& angles = (*measurement.mutable_vectors())["layer/bp_angle_weight"];
    angles.add_values(10 + i);
    angles.add_values(kNan);
  }
  std::ostringstream out;
  WriteJson(ResultsJson(results_, true), out);
  const Json runs = Json::parse(out.str())["runs"];
  EXPECT_EQ(runs[0]["measurements"], Json::parse(R"({"step": [0, 30], "epoch": [0, 1],
      "layer/bp_angle_weight": [[10.0, null], [11.0, null]]})"));
  EXPECT_FALSE(runs[1].contains("measurements")) << "nothing measured";
  EXPECT_FALSE(ResultsJson(results_, false)["runs"][0].contains("measurements"));
}

TEST_F(ResultsTest, EpochTableHasMeanAndDeviationOfEveryEpoch) {
  for (const int replicate : {0, 1}) {
    auto& epochs = results_.history[absl::StrCat("studies/look/trials/0/runs/", replicate)];
    epochs.resize(replicate == 0 ? 2 : 1);  // the second run has ended early
    for (size_t epoch = 0; epoch < epochs.size(); ++epoch) {
      epochs[epoch].set_epoch(static_cast<int64_t>(epoch) + 1);
      (*epochs[epoch].mutable_scalars())["validation/error"] =
          0.5 + 0.2 * replicate - 0.1 * static_cast<double>(epoch);
    }
  }
  const Listing table = EpochTable(results_);
  EXPECT_THAT(Lines(table),
              testing::ElementsAre("trial  rule  lr     epoch  runs  validation/error  test/error",
                                   "    0  bp    0.001      1     2  0.6000 ± 0.1414   -",
                                   "    0  bp    0.001      2     1  0.4000            -"));
  std::ostringstream out;
  TP_ASSERT_OK(PrintResults(results_, {.has_history = true}, Format::kCsv, out));
  EXPECT_THAT(out.str(), HasSubstr("trial,training.rule,training.forward.lr,"));
  EXPECT_THAT(out.str(), HasSubstr("\r\n0,bp,0.001,"));
}

TEST_F(ResultsTest, JsonHasNoHistoryUnlessAsked) {
  EXPECT_FALSE(ResultsJson(results_, false)["runs"][0].contains("history"));
}

TEST_F(ResultsTest, CsvHasOneLineARunAndScalarsOnly) {
  std::ostringstream out;
  WriteRunsCsv(results_, out);
  const std::vector<std::string> lines = absl::StrSplit(out.str(), "\r\n");
  ASSERT_EQ(lines.size(), 8u);  // the head, six runs, and nothing after the last end of line
  EXPECT_EQ(lines[0],
            "run,trial,replicate,seed,state,training.rule,training.forward.lr,"
            "training.rule.dtp.sigma,test/error,validation/error");
  EXPECT_EQ(lines[1],
            "studies/look/trials/0/runs/0,0,0,9007199254740991,SUCCEEDED,bp,0.001,,0.1,0.2");
  EXPECT_EQ(lines[6],
            "studies/look/trials/2/runs/1,2,1,9007199254740991,SUCCEEDED,dtp,0.001,0.25,0.2,0.4");
}

TEST_F(ResultsTest, TrialTableGathersConditionalParametersInOneColumn) {
  const std::vector<std::string> lines = Lines(TrialTable(results_));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0],
            "trial  rule  lr     other parameters  state      validation/error  test/error       "
            "seconds");
  EXPECT_EQ(lines[1],
            "    0  bp    0.001                    SUCCEEDED  0.2500 ± 0.0707   0.1250 ± 0.0354  "
            "   10.5");
  EXPECT_EQ(lines[3],
            "    2  dtp   0.001  sigma=0.25        SUCCEEDED  0.4000 ± 0.0000   0.2000 ± 0.0000  "
            "   10.5");
}

TEST_F(ResultsTest, ATrialThatGoesOnFromAnotherSaysFromWhich) {
  results_.study.mutable_spec()->mutable_search()->mutable_scheduler()->mutable_pbt();
  v1::Fork& fork = *results_.trials[2].trial.mutable_fork();
  fork.set_parent(1);
  fork.set_epoch(4);
  const std::vector<std::string> lines = Lines(TrialTable(results_));
  EXPECT_THAT(lines[0], HasSubstr("parent"));
  EXPECT_THAT(lines[3], HasSubstr("1 after 4"));
  const Json json = TrialJson(results_.trials[2].trial);
  EXPECT_EQ(json["parent"], 1);
  EXPECT_EQ(json["born_at_epoch"], 4);
}

TEST_F(ResultsTest, TrialTableShowsRunsThatEndedOtherwise) {
  results_.trials[0].runs[1].set_state(v1::RUN_STATE_INFEASIBLE);
  EXPECT_THAT(Lines(TrialTable(results_))[1], HasSubstr("SUCCEEDED (1 of 2 INFEASIBLE)"));
  results_.trials[1].trial.set_state(v1::TRIAL_STATE_ACTIVE);
  results_.trials[1].runs[1].set_state(v1::RUN_STATE_RUNNING);
  EXPECT_THAT(Lines(TrialTable(results_))[2], HasSubstr("ACTIVE (1 of 2 done)"));
}

TEST_F(ResultsTest, RunTableSaysWhyARunFailed) {
  results_.trials[2].runs[1].set_state(v1::RUN_STATE_FAILED);
  results_.trials[2].runs[1].set_message("no such data");
  const std::vector<std::string> lines = Lines(RunTable(results_));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(lines[6], HasSubstr("FAILED"));
  EXPECT_THAT(lines[6], HasSubstr("no such data"));
}

TEST_F(ResultsTest, GroupsHaveTheBestTrialOfEachValue) {
  TP_ASSERT_OK_AND_ASSIGN(const Listing groups, GroupTable(results_, "training.rule"));
  const std::vector<std::string> lines = Lines(groups);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[1], testing::MatchesRegex("bp +2 +1  lr=0.01 +0.1500 ± 0.0707 .*"));
  EXPECT_THAT(lines[2], testing::MatchesRegex("dtp +1 +2  lr=0.001 sigma=0.25 +0.4000 .*"));
}

TEST_F(ResultsTest, GroupsFollowTheGoal) {
  results_.study.mutable_spec()->mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
  TP_ASSERT_OK_AND_ASSIGN(const Listing groups, GroupTable(results_, "rule"));
  EXPECT_THAT(Lines(groups)[1], HasSubstr("lr=0.001"));
}

TEST_F(ResultsTest, TheBestOfAGroupKeepsTheConstraints) {
  v1::Constraint& constraint = *results_.study.mutable_spec()->add_constraints();
  constraint.set_metric("layer/bp_angle_weight[2]");
  constraint.set_at_most(60);
  for (TrialResults& trial : results_.trials) {
    // That with the smaller error breaks it.
    const double angle = trial.trial.number() == 1 ? 80 : 40;
    trial.trial.add_constraints(angle);
    for (v1::Run& run : trial.runs) {
      (*run.mutable_entries())["layer/bp_angle_weight[2]"] = angle;
    }
  }
  TP_ASSERT_OK_AND_ASSIGN(const Listing groups, GroupTable(results_, "training.rule"));
  EXPECT_THAT(Lines(groups)[0], HasSubstr("layer/bp_angle_weight[2]"));
  EXPECT_THAT(Lines(groups)[1], testing::MatchesRegex("bp +2 +0  lr=0.001 .* 40.0000 .*"));
}

TEST_F(ResultsTest, GroupWithoutAGoodTrialIsStillShown) {
  results_.trials[2].trial.clear_objective();
  TP_ASSERT_OK_AND_ASSIGN(const Listing groups, GroupTable(results_, "training.rule"));
  EXPECT_THAT(Lines(groups)[2], testing::StartsWith("dtp "));
  EXPECT_TRUE(RowsJson(groups)[1]["best_trial"].is_null());
}

TEST_F(ResultsTest, GroupsOfAParameterThatIsNotSearchedAreAnError) {
  EXPECT_THAT(GroupTable(results_, "training.epochs"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("it searches training.rule, training.forward.lr")));
}

TEST_F(ResultsTest, ViewsThatAFormatHasNoPlaceForAreRefused) {
  EXPECT_THAT(Check({.has_runs = true, .has_history = true}, Format::kTable),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--runs")));
  EXPECT_THAT(Check({.has_runs = true}, Format::kJson),
              StatusIs(absl::StatusCode::kInvalidArgument));
  TP_EXPECT_OK(Check({.has_history = true}, Format::kJson));
}

TEST_F(ResultsTest, JsonWithGroupsIsOneDocument) {
  std::ostringstream out;
  TP_ASSERT_OK(PrintResults(results_, {.by = "training.rule"}, Format::kJson, out));
  const Json document = Json::parse(out.str());
  EXPECT_EQ(document["runs"].size(), 6u);
  EXPECT_EQ(document["groups"].size(), 2u);
  EXPECT_EQ(document["groups"][0]["training.rule"], "bp");
  EXPECT_DOUBLE_EQ(document["groups"][0]["validation/error"]["mean"].get<double>(), 0.15);
}

}  // namespace
}  // namespace tpsweep::client
