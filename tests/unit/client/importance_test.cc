#include "client/importance.h"

#include <gmock/gmock.h>

#include <cmath>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/importance_view.h"
#include "common/random.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::client {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

google::protobuf::Value& Assign(v1::Trial& trial, const std::string& path) {
  v1::Assignment& assignment = *trial.add_parameters();
  assignment.set_path(path);
  return *assignment.mutable_value();
}

// Random search over rule (bp, dtp), lr (log) and, for dtp only, sigma. The error follows the
// exponent of lr and, less, the rule.
StudyResults Study(int trials) {
  StudyResults results;
  results.study.set_name("studies/look");
  v1::StudySpec& spec = *results.study.mutable_spec();
  spec.mutable_objective()->set_metric("validation/error");
  spec.mutable_objective()->set_goal(v1::GOAL_MINIMIZE);
  v1::Parameter& rule = *spec.add_space();
  rule.set_path("training.rule");
  rule.mutable_choice()->add_values()->set_string_value("bp");
  rule.mutable_choice()->add_values()->set_string_value("dtp");
  v1::Parameter& lr = *spec.add_space();
  lr.set_path("training.forward.lr");
  lr.mutable_log()->set_low(1e-5);
  lr.mutable_log()->set_high(1);
  v1::Parameter& sigma = *spec.add_space();
  sigma.set_path("training.rule.dtp.sigma");
  sigma.mutable_linear()->set_high(1);
  sigma.add_when()->set_path("training.rule");

  RandomStream random(1);
  for (int number = 0; number < trials; ++number) {
    v1::Trial& trial = results.trials.emplace_back().trial;
    trial.set_number(number);
    trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
    const bool is_dtp = random.NextBelow(2) == 1;
    const double exponent = -5 * random.NextUniform();
    Assign(trial, "training.rule").set_string_value(is_dtp ? "dtp" : "bp");
    Assign(trial, "training.forward.lr").set_number_value(std::pow(10, exponent));
    if (is_dtp) {
      Assign(trial, "training.rule.dtp.sigma").set_number_value(random.NextUniform());
    }
    const double error = 0.1 * std::abs(exponent + 2) + (is_dtp ? 0.1 : 0);
    trial.set_objective(error);
    v1::Run& run = results.trials.back().runs.emplace_back();
    run.set_state(v1::RUN_STATE_SUCCEEDED);
    (*run.mutable_latest()->mutable_scalars())["validation/error"] = error;
    (*run.mutable_latest()->mutable_scalars())["train/loss"] = random.NextUniform();
  }
  return results;
}

std::string Notes(const StudyImportance& importance) {
  return absl::StrJoin(NotesOn(importance), "\n");
}

TEST(ImportanceOf, OrdersParametersByWhatTheyDo) {
  TP_ASSERT_OK_AND_ASSIGN(const StudyImportance importance, ImportanceOf(Study(150), ""));
  EXPECT_EQ(importance.metric, "validation/error");
  EXPECT_EQ(importance.trials, 150);
  EXPECT_GT(importance.r_squared, 0.7);
  ASSERT_THAT(importance.parameters, SizeIs(3));
  EXPECT_EQ(importance.parameters[0].path, "training.forward.lr");
  EXPECT_EQ(importance.parameters[0].scale, "log");
  EXPECT_EQ(importance.parameters[1].path, "training.rule");
  EXPECT_EQ(importance.parameters[1].scale, "categories");
  EXPECT_EQ(importance.parameters[1].trials, 150);
  EXPECT_LT(importance.parameters[2].trials, 100) << "sigma exists for dtp only";
  EXPECT_GT(importance.parameters[0].importance.mean, importance.parameters[1].importance.mean);
  EXPECT_THAT(Notes(importance), HasSubstr("lr matters most"));
  EXPECT_THAT(Notes(importance), HasSubstr("No effect is seen of sigma:"));
  EXPECT_THAT(Notes(importance), HasSubstr("exists in some trials only"));
  EXPECT_THAT(Notes(importance), Not(HasSubstr("WARNING")));
}

TEST(ImportanceOf, TheScaleIsNotWhatOneOutlierMakesIt) {
  StudyResults study = Study(100);
  study.trials[3].trial.set_objective(1e9);
  TP_ASSERT_OK_AND_ASSIGN(const StudyImportance importance, ImportanceOf(study, ""));
  EXPECT_GT(importance.r_squared, 0.7);
  EXPECT_EQ(importance.parameters[0].path, "training.forward.lr");
}

TEST(ImportanceOf, AForestThatDoesNotPredictIsSaidToMeanNothing) {
  TP_ASSERT_OK_AND_ASSIGN(const StudyImportance importance, ImportanceOf(Study(60), "train/loss"));
  EXPECT_LT(importance.r_squared, kPoorFit);
  EXPECT_THAT(Notes(importance), HasSubstr("WARNING: the forest does not predict"));
  EXPECT_THAT(Notes(importance), Not(HasSubstr("matters most")));
  EXPECT_THAT(ImportanceSvg(importance), HasSubstr("means nothing"));
}

// All trials with lr above 0.1 diverge: the forest learns that too.
TEST(ImportanceOf, DivergedTrialsRankWorstForEitherGoal) {
  for (const v1::Goal goal : {v1::GOAL_MINIMIZE, v1::GOAL_MAXIMIZE}) {
    StudyResults study = Study(100);
    study.study.mutable_spec()->mutable_objective()->set_goal(goal);
    int64_t diverged = 0;
    for (TrialResults& trial : study.trials) {
      trial.trial.set_objective(0.5);
      if (FindParameter(trial.trial, "training.forward.lr")->number_value() < 0.1) continue;
      trial.trial.clear_objective();
      trial.trial.set_state(v1::TRIAL_STATE_INFEASIBLE);
      ++diverged;
    }
    ASSERT_GT(diverged, 5);
    study.trials[0].trial.set_state(v1::TRIAL_STATE_ACTIVE);
    TP_ASSERT_OK_AND_ASSIGN(const StudyImportance importance, ImportanceOf(study, ""));
    EXPECT_EQ(importance.trials, 99);
    EXPECT_GT(importance.without_value, 5);
    EXPECT_GT(importance.r_squared, 0.8);
    EXPECT_EQ(importance.parameters[0].path, "training.forward.lr");
    EXPECT_THAT(Notes(importance), HasSubstr("(diverged or failed) ranked worst"));
    EXPECT_THAT(Notes(importance), HasSubstr("1 trial not yet ended"));
  }
}

TEST(ImportanceOf, BadInputSaysWhatIsMissing) {
  EXPECT_THAT(ImportanceOf(Study(4), ""), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   HasSubstr("study look: 4 ended so far")));
  EXPECT_THAT(ImportanceOf(Study(20), "train/los"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--metric train/los: no run reports it; did you mean "
                                 "'train/loss'? legal: train/loss, validation/error")));
  StudyResults same = Study(20);
  for (TrialResults& trial : same.trials) trial.trial.set_objective(0.3);
  EXPECT_THAT(ImportanceOf(same, ""), StatusIs(absl::StatusCode::kFailedPrecondition,
                                               HasSubstr("are equally good by validation/error")));
  StudyResults bare = Study(20);
  bare.study.mutable_spec()->clear_space();
  EXPECT_THAT(ImportanceOf(bare, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("searches nothing")));
}

TEST(PrintImportance, HasTheDocumentedShapes) {
  TP_ASSERT_OK_AND_ASSIGN(const StudyImportance importance, ImportanceOf(Study(100), ""));
  std::ostringstream json, csv;
  PrintImportance(importance, Format::kJson, json);
  const Json document = Json::parse(json.str());
  EXPECT_EQ(document["study"], "look");
  EXPECT_EQ(document["method"], "permutation importance over a random forest");
  EXPECT_EQ(document["predicts"], true);
  EXPECT_EQ(document["parameters"][0]["path"], "training.forward.lr");
  EXPECT_EQ(document["parameters"][0]["name"], "lr");
  EXPECT_GT(document["parameters"][0]["importance"].get<double>(), 0.3);
  PrintImportance(importance, Format::kCsv, csv);
  const std::vector<std::string> lines = absl::StrSplit(csv.str(), "\r\n", absl::SkipEmpty());
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0], "path,name,importance,sd,scale,trials");
  EXPECT_THAT(ImportanceSvg(importance), HasSubstr(">sigma</text>"));
}

}  // namespace
}  // namespace tpsweep::client
