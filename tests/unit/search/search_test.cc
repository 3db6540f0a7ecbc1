// What searches find, and what only some samplers do.
#include "server/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/search/gp_sampler.h"
#include "tests/fakes/search_run.h"
#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using ::testing::HasSubstr;

constexpr v1::Sampler::SamplerCase kLearning[] = {v1::Sampler::kTpe, v1::Sampler::kGp,
                                                  v1::Sampler::kCmaEs, v1::Sampler::kNsga2};

// A bowl in the middle of the log scale of `lr`, for one of three rules.
double Bowl(const v1::Trial& trial) {
  const double lr = std::log10(NumberOf(trial, "lr")) + 3;
  const bool is_best = trial.parameters(1).value().string_value() == "b";
  return lr * lr + (is_best ? 0 : 1);
}

SpaceBuilder BowlSpace() {
  return SpaceBuilder().Log("lr", 1e-5, 1e-1).Choice("rule", {Text("a"), Text("b"), Text("c")});
}

double BestOf(const std::vector<v1::Trial>& trials) {
  double best = INFINITY;
  for (const v1::Trial& trial : trials) {
    if (trial.has_objective()) best = std::min(best, trial.objective());
  }
  return best;
}

TEST(SearchTest, LearningSamplersFindABowl) {
  for (const auto kind : kLearning) {
    Search search(BowlSpace().With(kind, 60));
    const double best = BestOf(RunToEnd(search, [](v1::Trial& trial) {
      trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
      trial.set_objective(Bowl(trial));
    }));
    EXPECT_LT(best, 0.01) << kind;
  }
}

TEST(SearchTest, AMaximisedObjectiveIsSearchedUpwards) {
  for (const auto kind : kLearning) {
    v1::StudySpec spec = BowlSpace().With(kind, 60);
    spec.mutable_objective()->set_goal(v1::GOAL_MAXIMIZE);
    Search search(spec);
    double best = -INFINITY;
    for (const v1::Trial& trial : RunToEnd(search, [](v1::Trial& ended) {
           ended.set_state(v1::TRIAL_STATE_SUCCEEDED);
           ended.set_objective(-Bowl(ended));
         })) {
      best = std::max(best, trial.objective());
    }
    EXPECT_GT(best, -0.01) << kind;
  }
}

// Left of the middle everything diverges.
TEST(SearchTest, LearningSamplersKeepAwayFromWhatDiverges) {
  for (const auto kind : kLearning) {
    Search search(BowlSpace().With(kind, 80));
    const std::vector<v1::Trial> trials = RunToEnd(search, [](v1::Trial& trial) {
      const bool diverges = NumberOf(trial, "lr") > 1e-3;
      trial.set_state(diverges ? v1::TRIAL_STATE_INFEASIBLE : v1::TRIAL_STATE_SUCCEEDED);
      if (!diverges) trial.set_objective(-std::log10(NumberOf(trial, "lr")));
    });
    int late = 0;
    for (size_t i = 40; i < 80; ++i) late += trials[i].state() == v1::TRIAL_STATE_INFEASIBLE;
    EXPECT_LT(late, 26) << kind;
    EXPECT_LT(BestOf(trials), 3.15) << kind;
  }
}

TEST(SearchTest, ConstraintsComeBeforeTheObjective) {
  for (const auto kind : kLearning) {
    Search search(BowlSpace().Constraint("seconds", 2).With(kind, 80));
    double best = INFINITY;
    for (const v1::Trial& trial : RunToEnd(search, [](v1::Trial& ended) {
           ended.set_state(v1::TRIAL_STATE_SUCCEEDED);
           const double lr = std::log10(NumberOf(ended, "lr"));
           ended.set_objective(-lr);
           ended.add_constraints(lr + 5);  // at most 2: lr at most 1e-3
         })) {
      if (trial.constraints(0) <= 2) best = std::min(best, trial.objective());
    }
    EXPECT_LT(best, 3.15) << kind;
  }
}

// f1 = x, f2 = (1 - x) + y: the front is y = 0, any x.
TEST(SearchTest, Nsga2CoversTheFront) {
  Search search(SpaceBuilder()
                    .Linear("x", 0, 1)
                    .Linear("y", 0, 1)
                    .FurtherObjective("seconds", v1::GOAL_MINIMIZE)
                    .With(v1::Sampler::kNsga2, 200));
  std::set<int> parts;
  for (const v1::Trial& trial : RunToEnd(search, [](v1::Trial& ended) {
         ended.set_state(v1::TRIAL_STATE_SUCCEEDED);
         ended.set_objective(NumberOf(ended, "x"));
         ended.add_further_objectives(1 - NumberOf(ended, "x") + NumberOf(ended, "y"));
       })) {
    if (NumberOf(trial, "y") < 0.05) parts.insert(static_cast<int>(NumberOf(trial, "x") * 4.999));
  }
  EXPECT_EQ(parts.size(), 5);
}

// Two good values far apart: workers that start together do not all try the same.
TEST(SearchTest, TpeKeepsRunningTrialsApart) {
  Search search(BowlSpace().With(v1::Sampler::kTpe, 60));
  std::vector<v1::Trial> trials;
  for (int64_t n = 0; n < 20; ++n) {
    trials.push_back(MakeTrial(n, *search.Propose()));
    search.Add(trials.back());
    trials.back().set_state(v1::TRIAL_STATE_SUCCEEDED);
    trials.back().set_objective(Bowl(trials.back()));
    search.Tell(trials.back().number(), trials.back());
  }
  double closest = INFINITY;
  std::vector<double> running;
  for (int64_t n = 20; n < 28; ++n) {
    const v1::Trial trial = MakeTrial(n, *search.Propose());
    search.Add(trial);
    for (const double other : running) {
      closest = std::min(closest, std::abs(other - std::log10(NumberOf(trial, "lr"))));
    }
    running.push_back(std::log10(NumberOf(trial, "lr")));
  }
  EXPECT_GT(closest, 1e-4);
  const auto [low, high] = std::minmax_element(running.begin(), running.end());
  EXPECT_GT(*high - *low, 0.1);
}

TEST(SearchTest, GpSaysThatItFallsBack) {
  Search search(BowlSpace().With(v1::Sampler::kGp, 10'000));
  for (int64_t n = 0; n <= kMostModelled; ++n) {
    Search::Next next;
    v1::Assignment lr;
    lr.set_path("lr");
    lr.mutable_value()->set_number_value(1e-5 * std::pow(10, 4 * static_cast<double>(n) / 501));
    v1::Assignment rule;
    rule.set_path("rule");
    rule.mutable_value()->set_string_value("a");
    next.configuration = {lr, rule};
    v1::Trial trial = MakeTrial(n, next);
    search.Add(trial);
    trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
    trial.set_objective(Bowl(trial));
    search.Tell(trial.number(), trial);
    if (n + 1 == kMostModelled) {
      EXPECT_EQ(search.Propose()->source, "gp");
    }
  }
  EXPECT_THAT(search.Propose()->source, HasSubstr("gp models at most 500 trials"));
}

TEST(SearchTest, ImportedTrialsAreLearntFromAtOnce) {
  google::protobuf::RepeatedPtrField<v1::Trial> imported;
  Search earlier(BowlSpace().Seed(5).With(v1::Sampler::kSobol, 40));
  for (const v1::Trial& trial : RunToEnd(earlier, [](v1::Trial& ended) {
         ended.set_state(v1::TRIAL_STATE_SUCCEEDED);
         ended.set_objective(Bowl(ended));
       })) {
    *imported.Add() = trial;
  }
  double cold = 0;
  double warm = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const v1::StudySpec spec = BowlSpace().Seed(seed).With(v1::Sampler::kTpe, 10);
    const auto end = [](v1::Trial& trial) {
      trial.set_state(v1::TRIAL_STATE_SUCCEEDED);
      trial.set_objective(Bowl(trial));
    };
    Search without(spec);
    Search with(spec, imported);
    cold += BestOf(RunToEnd(without, end));
    const std::vector<v1::Trial> trials = RunToEnd(with, end);
    EXPECT_EQ(trials.size(), 10);
    EXPECT_EQ(trials[0].source(), "tpe");
    warm += BestOf(trials);
  }
  EXPECT_LT(warm, cold);
}

}  // namespace
}  // namespace tpsweep::server
