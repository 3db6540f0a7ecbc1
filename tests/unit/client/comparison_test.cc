#include "client/comparison.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/comparison_notes.h"
#include "client/comparison_view.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::client {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// A study being written, trial by trial. Its run seeds are those of its name's length, so
// that two of one length share them, as studies of one search.seed do.
class Writer {
 public:
  explicit Writer(const std::string& name) {
    results_.study.set_name(absl::StrCat("studies/", name));
    v1::StudySpec& spec = *results_.study.mutable_spec();
    spec.set_study(name);
    spec.mutable_objective()->set_metric("validation/error");
    spec.mutable_objective()->set_goal(v1::GOAL_MINIMIZE);
    spec.mutable_search()->mutable_sampler()->mutable_random();
    spec.mutable_training()->set_epochs(3);
  }
  v1::StudySpec& spec() { return *results_.study.mutable_spec(); }

  Writer& Searches(const std::string& path, std::vector<std::string> choices = {}) {
    v1::Parameter& parameter = *spec().add_space();
    parameter.set_path(path);
    for (const std::string& choice : choices) {
      parameter.mutable_choice()->add_values()->set_string_value(choice);
    }
    return *this;
  }

  // A trial whose runs have these errors on the test set. Without `objective`: INFEASIBLE.
  TrialResults& Trial(const std::string& rule, std::optional<double> objective,
                      const std::vector<double>& test_errors) {
    TrialResults& trial = results_.trials.emplace_back();
    const auto number = static_cast<int64_t>(results_.trials.size()) - 1;
    trial.trial.set_name(absl::StrCat(results_.study.name(), "/trials/", number));
    trial.trial.set_number(number);
    trial.trial.set_state(objective ? v1::TRIAL_STATE_SUCCEEDED : v1::TRIAL_STATE_INFEASIBLE);
    if (objective) trial.trial.set_objective(*objective);
    if (!rule.empty()) {
      v1::Assignment& assignment = *trial.trial.add_parameters();
      assignment.set_path("training.rule");
      assignment.mutable_value()->set_string_value(rule);
    }
    for (const double error : test_errors) {
      v1::Run& run = trial.runs.emplace_back();
      run.set_seed(1000 * results_.study.name().size() + 100 * static_cast<uint64_t>(number) +
                   trial.runs.size());
      run.set_state(objective ? v1::RUN_STATE_SUCCEEDED : v1::RUN_STATE_INFEASIBLE);
      if (!objective) continue;
      (*run.mutable_latest()->mutable_scalars())["test/error"] = error;
      (*run.mutable_latest()->mutable_scalars())["validation/error"] = *objective;
      run.mutable_latest()->set_wall_seconds(2);
    }
    return trial;
  }

  const StudyResults& results() const { return results_; }

 private:
  StudyResults results_;
};

// Two trials of bp, two of dtp; the best by validation is not the best on the test set.
Writer TwoRules() {
  Writer study("two");
  study.Searches("training.rule", {"bp", "dtp"}).Searches("training.forward.lr");
  study.Trial("dtp", 0.30, {0.31, 0.33, 0.32, 0.30, 0.34});
  study.Trial("dtp", 0.40, {0.10, 0.10, 0.10, 0.10, 0.10});
  study.Trial("bp", 0.20, {0.21, 0.23, 0.20, 0.22, 0.19});
  study.Trial("bp", 0.25, {0.26, 0.27, 0.25, 0.24, 0.28});
  return study;
}

absl::StatusOr<Comparison> CompareOne(const Writer& study, ComparisonOptions options) {
  // The comparison points into the study.
  static auto* const kept = new std::vector<std::unique_ptr<StudyResults>>;
  kept->push_back(std::make_unique<StudyResults>(study.results()));
  return Compare({kept->back().get(), 1}, options);
}

std::string Notes(const Comparison& comparison) { return absl::StrJoin(NotesOn(comparison), "\n"); }

TEST(Compare, TakesTheBestByValidationAndShowsItsTestValues) {
  const Writer study = TwoRules();
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_EQ(comparison.by, "training.rule");
  EXPECT_EQ(comparison.metric, "test/error");
  ASSERT_THAT(comparison.groups, SizeIs(2));
  const ComparedGroup& bp = comparison.groups[0];
  const ComparedGroup& dtp = comparison.groups[1];
  EXPECT_EQ(bp.trials.label, "bp") << "in the order of the choice, not of the trials";
  EXPECT_EQ(bp.best->trial.number(), 2);
  EXPECT_EQ(dtp.best->trial.number(), 0);
  EXPECT_THAT(dtp.values, ElementsAre(0.31, 0.33, 0.32, 0.30, 0.34));
  EXPECT_EQ(dtp.tried, 2);
  EXPECT_EQ(dtp.runs, 10);
  EXPECT_DOUBLE_EQ(dtp.seconds, 20);
  EXPECT_NEAR(dtp.expected_best[0], 0.35, 1e-12);
  EXPECT_NEAR(dtp.expected_best[1], 0.30, 1e-12);
  EXPECT_NEAR(dtp.interval->low + dtp.interval->high, 0.64, 1e-12);
  EXPECT_NEAR(*dtp.interquartile_mean, 0.32, 1e-12);
}

TEST(Compare, RunsOfDifferentTrialsAreNoPairs) {
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(TwoRules(), {.by = "rule"}));
  ASSERT_THAT(comparison.contrasts, SizeIs(1));
  const Contrast& contrast = comparison.contrasts[0];
  EXPECT_FALSE(contrast.is_paired);
  const auto welch =
      statistics::WelchTest(comparison.groups[1].values, comparison.groups[0].values, 0.95);
  EXPECT_EQ(contrast.test->p_value, welch->p_value);
  EXPECT_NEAR(contrast.test->difference, 0.11, 1e-12) << "the group minus the baseline";
  EXPECT_THAT(Notes(comparison),
              HasSubstr("dtp against bp: mean test/error is higher by 0.1100 (95 % interval"));
  EXPECT_THAT(Notes(comparison), HasSubstr("the data show a difference"));
  EXPECT_THAT(Notes(comparison), HasSubstr("make no pairs"));
  EXPECT_THAT(Notes(comparison), Not(HasSubstr("Holm"))) << "one comparison needs no correction";
}

TEST(Compare, TrialsOfTwoStudiesWithTheSameSeedsArePaired) {
  Writer bp("a-bp"), dtp("adtp");
  bp.Trial("", 0.2, {0.20, 0.22, 0.24, 0.26});
  dtp.Trial("", 0.3, {0.21, 0.23, 0.25, 0.28});
  bp.spec().mutable_training()->mutable_bp();
  dtp.spec().mutable_training()->mutable_dtp();
  dtp.spec().mutable_training()->set_epochs(4);
  const std::vector<StudyResults> studies = {bp.results(), dtp.results()};
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, Compare(studies, {.by = "training.rule"}));
  EXPECT_EQ(comparison.groups[1].trials.label, "dtp") << "fixed in its study";
  ASSERT_TRUE(comparison.contrasts[0].is_paired);
  // Differences .01 .01 .01 .02.
  EXPECT_NEAR(comparison.contrasts[0].test->t, 5, 1e-9);
  EXPECT_EQ(TrialText(comparison, *comparison.groups[1].best), "adtp/0");
  EXPECT_THAT(Notes(comparison), HasSubstr("Runs of the same seed were paired"));
  EXPECT_THAT(Notes(comparison), HasSubstr("The studies differ also in training.epochs:"));
}

TEST(Compare, APairOfWhichOneRunDivergedIsLeftOut) {
  Writer bp("a-bp"), dtp("adtp");
  bp.Trial("", 0.2, {0.20, 0.22, 0.24, 0.26});
  dtp.Trial("", 0.3, {0.21, 0.23, 0.25, 0.90}).runs[3].set_state(v1::RUN_STATE_INFEASIBLE);
  bp.spec().mutable_training()->mutable_bp();
  dtp.spec().mutable_training()->mutable_dtp();
  const std::vector<StudyResults> studies = {bp.results(), dtp.results()};
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, Compare(studies, {.by = "study"}));
  EXPECT_TRUE(comparison.contrasts[0].is_paired);
  EXPECT_THAT(comparison.groups[1].values, SizeIs(3));
  EXPECT_THAT(Notes(comparison), HasSubstr("The best trial of adtp has test/error of only 3 of its "
                                           "4 runs: what is shown is of those that got through"));
  EXPECT_THAT(Notes(comparison), HasSubstr("of 4 runs 1 diverged (INFEASIBLE) and 0 FAILED"));
}

TEST(Compare, BudgetsThatDifferAreSaidAndMadeEqual) {
  Writer study = TwoRules();
  study.Trial("bp", 0.6, {0.5, 0.6});
  study.Trial("bp", std::nullopt, {0, 0});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_EQ(comparison.equal_trials, 2);
  const ComparedGroup& bp = comparison.groups[0];
  EXPECT_EQ(bp.tried, 4);
  EXPECT_EQ(bp.valued, 3);
  EXPECT_EQ(bp.infeasible_runs, 2);
  // The diverged trial counts as the worst, 0.6: 0.2 0.25 0.6 0.6.
  EXPECT_NEAR(bp.expected_best[0], (0.2 + 0.25 + 0.6 + 0.6) / 4, 1e-12);
  EXPECT_NEAR(bp.expected_best[1], (3 * 0.2 + 2 * 0.25 + 0.6) / 6, 1e-12);
  EXPECT_EQ(bp.best_band[0].high, std::numeric_limits<double>::infinity());
  EXPECT_THAT(Notes(comparison), HasSubstr("Unequal budgets: trials tried are bp 4, dtp 2."));
  EXPECT_THAT(Notes(comparison), HasSubstr("after 2 each the best validation/error to expect is "
                                           "0.2833 for bp, 0.3000 for dtp"));
  EXPECT_THAT(Notes(comparison), HasSubstr("1 trial without any succeeded run counted as tried"));
}

TEST(Compare, FollowsTheGoal) {
  Writer study = TwoRules();
  study.spec().mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_EQ(comparison.groups[1].best->trial.number(), 1);
  EXPECT_NEAR(comparison.groups[1].expected_best[1], 0.40, 1e-12);
  EXPECT_EQ(comparison.groups[1].best_band[1].high, std::numeric_limits<double>::infinity());
}

TEST(Compare, HolmCorrectsForAllComparisons) {
  Writer study = TwoRules();
  study.spec().mutable_space(0)->mutable_choice()->add_values()->set_string_value("gnt");
  study.Trial("gnt", 0.2, {0.21, 0.22, 0.23, 0.18, 0.20});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison,
                          CompareOne(study, {.by = "rule", .baseline = "dtp"}));
  ASSERT_THAT(comparison.contrasts, SizeIs(2));
  EXPECT_EQ(comparison.groups[comparison.baseline].trials.label, "dtp");
  const auto p = [&](size_t i) { return comparison.contrasts[i].test->p_value; };
  EXPECT_DOUBLE_EQ(*comparison.contrasts[p(0) < p(1) ? 0 : 1].adjusted_p, 2 * std::min(p(0), p(1)));
  EXPECT_THAT(Notes(comparison), HasSubstr("after Holm's correction for 2 comparisons"));
}

TEST(Compare, ATrialThatBreaksAConstraintIsNoChoice) {
  Writer writer("s");
  writer.Searches("training.rule", {"bp", "dtp"});
  v1::Constraint& constraint = *writer.spec().add_constraints();
  constraint.set_metric("seconds");
  constraint.set_at_most(1);
  writer.Trial("bp", 0.1, {0.15, 0.16}).trial.add_constraints(2);
  writer.Trial("bp", 0.2, {0.25, 0.26}).trial.add_constraints(1);
  writer.Trial("dtp", 0.3, {0.35, 0.36}).trial.add_constraints(0.5);
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(writer, {.by = "rule"}));
  ASSERT_NE(comparison.groups[0].best, nullptr);
  EXPECT_EQ(comparison.groups[0].best->trial.number(), 1);
  EXPECT_EQ(comparison.groups[0].breaking, 1);
  EXPECT_EQ(comparison.groups[0].valued, 1);
  EXPECT_THAT(Notes(comparison), HasSubstr("bp: 1 trial broke a constraint: counted as tried"));
}

TEST(Notes, SayWhenNothingIsShown) {
  Writer study("none");
  study.Searches("training.rule", {"bp", "dtp"});
  study.Trial("bp", 0.2, {0.20, 0.24, 0.22});
  study.Trial("dtp", 0.2, {0.21, 0.25, 0.22});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_THAT(Notes(comparison), HasSubstr("the data show no difference, which is not to say"));
  EXPECT_THAT(Notes(comparison), HasSubstr("Fewer than 5 seeds in bp, dtp:"));
  EXPECT_THAT(Notes(comparison), Not(HasSubstr("chosen by"))) << "one trial each: no choice";
}

TEST(Notes, SayWhenSeedsAreTooFew) {
  Writer study = TwoRules();
  study.Trial("dtp", 0.1, {0.1});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_FALSE(comparison.contrasts[0].test.has_value());
  EXPECT_THAT(Notes(comparison), HasSubstr("dtp against bp: too few seeds to say: the best trial "
                                           "of dtp has 1 succeeded run with test/error"));
}

TEST(Notes, SayWhenSeedsDoNotSpread) {
  Writer study("same");
  study.Searches("training.rule", {"bp", "dtp"});
  study.Trial("bp", 0.2, {0.2, 0.2});
  study.Trial("dtp", 0.2, {0.3, 0.3});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_THAT(Notes(comparison), HasSubstr("higher by 0.1000, but nothing can be tested"));
}

TEST(Notes, SayWhatElseMattersForTrust) {
  Writer study = TwoRules();
  study.Trial("bp", 0.20, {0.3, 0.3});
  study.Trial("bp", 0.10, {0.1}).trial.set_state(v1::TRIAL_STATE_CANCELLED);
  TrialResults& running = study.Trial("dtp", std::nullopt, {});
  running.trial.set_state(v1::TRIAL_STATE_ACTIVE);
  study.Trial("", 0.10, {0.1});
  study.spec().mutable_objective()->set_metric("test/error");
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_EQ(comparison.groups[0].best->trial.number(), 2) << "a cancelled trial is none of them";
  const std::vector<std::string> notes = NotesOn(comparison);
  EXPECT_THAT(notes, Contains(HasSubstr("bp: trial 2 ties with 4 by test/error")));
  EXPECT_THAT(notes, Contains("bp: 1 trial CANCELLED and left out."));
  EXPECT_THAT(notes, Contains(HasSubstr("1 trial not yet ended")));
  EXPECT_THAT(notes, Contains("1 trial without training.rule left out."));
  EXPECT_THAT(notes, Contains(HasSubstr("is measured on the test set")));
}

TEST(Compare, BadInputNamesWhatIsLegal) {
  const auto expect = [](const Writer& study, ComparisonOptions options, const char* message) {
    EXPECT_THAT(CompareOne(study, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  const Writer study = TwoRules();
  expect(study, {.by = "training.rul"}, "--by training.rul: no such field; did you mean 'rule'?");
  expect(study, {.by = "nothing"}, "searched: training.rule, training.forward.lr");
  expect(study, {.by = "training.epochs"}, "every trial has 3, and one group cannot be compared");
  expect(study, {.by = "rule", .baseline = "dpt"},
         "--baseline dpt: no such group; did you mean 'dtp'? legal: bp, dtp");
  expect(study, {.by = "rule", .metric = "test/eror"},
         "--metric test/eror: no run reports it; did you mean 'test/error'?");

  EXPECT_THAT(Compare(std::vector{study.results(), study.results()}, {.by = "rule"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two is named twice")));
  Writer loss("loss");
  loss.spec().mutable_objective()->set_metric("validation/loss");
  EXPECT_THAT(Compare(std::vector{study.results(), loss.results()}, {.by = "rule"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("different objectives")));
}

TEST(Compare, WithoutAFinishedTrialIsAnError) {
  Writer study("new");
  study.Searches("training.rule", {"bp", "dtp"});
  EXPECT_THAT(CompareOne(study, {.by = "rule"}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                          HasSubstr("no trial that has ended")));
  study.Trial("bp", std::nullopt, {0});
  study.Trial("dtp", std::numeric_limits<double>::quiet_NaN(), {0.1});
  EXPECT_THAT(CompareOne(study, {.by = "rule"}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                          HasSubstr("finite validation/error")));
}

TEST(Compare, AGroupWithoutAnyObjectiveIsStillShown) {
  Writer study = TwoRules();
  study.spec().mutable_space(0)->mutable_choice()->add_values()->set_string_value("gnt");
  study.Trial("gnt", std::nullopt, {0, 0});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  EXPECT_THAT(Notes(comparison),
              HasSubstr("gnt against bp: nothing to compare: no trial of gnt has a finite"));
  std::ostringstream out;
  PrintComparison(comparison, Format::kJson, out);
  EXPECT_TRUE(Json::parse(out.str())["groups"][2]["mean"].is_null());
}

TEST(PrintComparison, JsonHasTheDocumentedShape) {
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(TwoRules(), {.by = "rule"}));
  std::ostringstream out;
  PrintComparison(comparison, Format::kJson, out);
  const Json document = Json::parse(out.str());
  EXPECT_EQ(document["by"], "training.rule");
  EXPECT_EQ(document["baseline"], "bp");
  EXPECT_EQ(document["groups"][1]["study"], "two");
  EXPECT_EQ(document["groups"][1]["best_trial"], 0);
  EXPECT_NEAR(document["groups"][1]["mean"].get<double>(), 0.32, 1e-12);
  EXPECT_THAT(document["groups"][1]["interval"], SizeIs(2));
  EXPECT_TRUE(document["groups"][1]["best_band"][0].is_null()) << "two trials bound nothing below";
  EXPECT_EQ(document["comparisons"][0]["group"], "dtp");
  EXPECT_EQ(document["comparisons"][0]["test"], "Welch");
  EXPECT_NEAR(document["curves"][1]["expected"][0].get<double>(), 0.35, 1e-12);
  EXPECT_THAT(document["notes"], Not(IsEmpty()));
}

TEST(PrintComparison, CsvHasALineAGroup) {
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(TwoRules(), {.by = "rule"}));
  std::ostringstream out;
  PrintComparison(comparison, Format::kCsv, out);
  const std::vector<std::string> lines = absl::StrSplit(out.str(), "\r\n", absl::SkipEmpty());
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_TRUE(absl::StartsWith(lines[0], "group,trials,runs,"));
  EXPECT_TRUE(absl::EndsWith(lines[0], ",p,p_holm,p_ranks,superiority"));
  EXPECT_TRUE(absl::EndsWith(lines[1], ",,,,,,,,")) << "the baseline against nothing";
}

TEST(ComparisonSvg, HasACurveAndABandAGroup) {
  Writer study = TwoRules();
  study.spec().mutable_space(0)->mutable_choice()->mutable_values(1)->set_string_value("d<tp");
  for (int i = 0; i < 3; ++i) study.Trial("d<tp", 0.3, {0.1, 0.2});
  TP_ASSERT_OK_AND_ASSIGN(const Comparison comparison, CompareOne(study, {.by = "rule"}));
  const std::string svg = ComparisonSvg(comparison);
  EXPECT_THAT(svg, HasSubstr(">bp</text>"));
  EXPECT_THAT(svg, HasSubstr(">d&lt;tp</text>"));
  const std::vector<std::string> parts = absl::StrSplit(svg, "<polygon");
  EXPECT_EQ(parts.size() - 1, comparison.groups.size());
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace tpsweep::client
