#include "server/search/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "tests/fakes/search_specs.h"

namespace tpsweep::server {
namespace {

using ::testing::ElementsAre;

v1::Trial Trial(int64_t number, double x, v1::TrialState state,
                std::optional<double> objective = std::nullopt,
                std::vector<double> constraints = {}) {
  v1::Trial trial;
  trial.set_number(number);
  trial.set_state(state);
  v1::Assignment& assignment = *trial.add_parameters();
  assignment.set_path("x");
  *assignment.mutable_value() = Number(x);
  if (objective) trial.set_objective(*objective);
  trial.mutable_constraints()->Add(constraints.begin(), constraints.end());
  return trial;
}

class HistoryTest : public testing::Test {
 protected:
  static History Told(const SearchSpace& space, const v1::StudySpec& spec,
                      const std::vector<v1::Trial>& trials) {
    History history(space, spec);
    for (const v1::Trial& trial : trials) {
      history.Add(trial);
      if (trial.state() != v1::TRIAL_STATE_ACTIVE) history.Tell(trial.number(), trial);
    }
    return history;
  }
  const v1::StudySpec spec_ = SpaceBuilder().Linear("x", 0, 2).Constraint("seconds", 10).Random(9);
  const SearchSpace space_{spec_};
};

TEST_F(HistoryTest, RanksTheFeasibleThenTheViolatingThenTheBad) {
  const History history =
      Told(space_, spec_,
           {Trial(0, 0, v1::TRIAL_STATE_INFEASIBLE), Trial(1, 0, v1::TRIAL_STATE_SUCCEEDED, 3, {5}),
            Trial(2, 0, v1::TRIAL_STATE_SUCCEEDED, 1, {12}),
            Trial(3, 0, v1::TRIAL_STATE_SUCCEEDED, 2, {10}), Trial(4, 0, v1::TRIAL_STATE_ACTIVE),
            Trial(5, 0, v1::TRIAL_STATE_SUCCEEDED, 0, {11}), Trial(6, 0, v1::TRIAL_STATE_CANCELLED),
            Trial(7, 0, v1::TRIAL_STATE_FAILED), Trial(8, 0, v1::TRIAL_STATE_SUCCEEDED, NAN, {1}),
            Trial(9, 0, v1::TRIAL_STATE_SUCCEEDED, 0, {NAN})});
  EXPECT_THAT(history.Ranked(), ElementsAre(3, 1, 5, 2, 0, 7, 8, 9));
  EXPECT_EQ(history.num_ended(), 8);
  EXPECT_DOUBLE_EQ(history.violation(2), 0.2);
  EXPECT_EQ(history.outcome(4), Outcome::kPending);
  EXPECT_EQ(history.outcome(6), Outcome::kNone);
  EXPECT_EQ(history.outcome(9), Outcome::kBad);
}

TEST_F(HistoryTest, ImportedRowsComeBeforeTrials) {
  History history(space_, spec_);
  history.Import(Trial(17, 1, v1::TRIAL_STATE_SUCCEEDED, 4, {1}));
  history.Add(Trial(0, 2, v1::TRIAL_STATE_ACTIVE));
  EXPECT_EQ(history.num_trials(), 1);
  EXPECT_EQ(history.point(0)[0], 0.5);
  EXPECT_EQ(history.point(1)[0], 1);
  EXPECT_EQ(history.num_ended(), 1);
  history.Tell(0, Trial(0, 2, v1::TRIAL_STATE_SUCCEEDED, 3, {1}));
  EXPECT_THAT(history.Ranked(), ElementsAre(1, 0));
}

TEST(HistoryOfSeveralTest, MaximisedObjectivesChangeTheirSign) {
  const v1::StudySpec spec = SpaceBuilder()
                                 .Linear("x", 0, 1)
                                 .FurtherObjective("samples_per_second", v1::GOAL_MAXIMIZE)
                                 .Random(9);
  const SearchSpace space(spec);
  History history(space, spec);
  v1::Trial trial = Trial(0, 0, v1::TRIAL_STATE_SUCCEEDED, 3);
  trial.add_further_objectives(100);
  history.Add(trial);
  history.Tell(trial.number(), trial);
  EXPECT_THAT(history.objectives(0), ElementsAre(3, -100));
  v1::Trial lacking = Trial(1, 0, v1::TRIAL_STATE_SUCCEEDED, 3);
  history.Add(lacking);
  history.Tell(lacking.number(), lacking);
  EXPECT_EQ(history.outcome(1), Outcome::kBad);
}

}  // namespace
}  // namespace tpsweep::server
