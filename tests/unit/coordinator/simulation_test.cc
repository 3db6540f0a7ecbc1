#include "server/coordinator/simulation.h"

#include <gmock/gmock.h>

#include <cmath>

#include "common/spec/validate.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

v1::StudySpec Complete(v1::StudySpec spec) {
  EXPECT_THAT(spec::Complete(spec), IsOk());
  return spec;
}

double Curve(const v1::Trial& trial, int64_t replicate, int64_t epoch) {
  const double lr = trial.parameters(0).value().number_value();
  return std::abs(std::log10(lr) + 3.5) + 1 / static_cast<double>(epoch) +
         0.001 * static_cast<double>(replicate);
}

TEST(SimulationTest, WithoutASchedulerEverythingIsTrainedToItsEnd) {
  v1::StudySpec spec = MakeSpec("s", 10, 3);
  spec.mutable_training()->set_epochs(4);
  SimulationOptions options;
  options.objective = Curve;
  options.slots = 4;
  const Simulation simulation = Simulate(Complete(spec), options);
  EXPECT_EQ(simulation.trials.size(), 10u);
  EXPECT_EQ(simulation.runs, 30);
  EXPECT_EQ(simulation.epochs, 120);
  EXPECT_EQ(simulation.core_seconds, 120);
  EXPECT_EQ(simulation.seconds, 32) << "30 runs of 4 seconds in 4 slots";
  EXPECT_EQ(simulation.trials[9].state(), v1::TRIAL_STATE_SUCCEEDED);
}

TEST(SimulationTest, AshaSpendsAPartOfThat) {
  v1::StudySpec spec = MakeSpec("s", 100);
  spec.mutable_training()->set_epochs(81);
  spec.mutable_search()->mutable_scheduler()->mutable_asha();
  SimulationOptions options;
  options.objective = Curve;
  for (const int slots : {1, 4, 16, 64}) {
    options.slots = slots;
    const Simulation simulation = Simulate(Complete(spec), options);
    EXPECT_EQ(simulation.trials.size(), 100u);
    EXPECT_LT(simulation.epochs, 100 * 81 / 4) << slots;
    ASSERT_FALSE(simulation.incumbents.empty());
    const v1::Trial& found =
        simulation.trials[static_cast<size_t>(simulation.incumbents.back().trial)];
    for (const v1::Trial& trial : simulation.trials) {
      EXPECT_GE(Curve(trial, 0, 81), Curve(found, 0, 81)) << "curves that do not cross";
    }
  }
}

TEST(SimulationTest, RunsThatDivergeEndThere) {
  v1::StudySpec spec = MakeSpec("s", 4);
  spec.mutable_training()->set_epochs(10);
  SimulationOptions options;
  options.objective = [](const v1::Trial& trial, int64_t, int64_t epoch) {
    return trial.number() % 2 == 1 && epoch == 3 ? NAN : 1.0;
  };
  const Simulation simulation = Simulate(Complete(spec), options);
  EXPECT_EQ(simulation.epochs, 2 * 10 + 2 * 3);
  EXPECT_EQ(simulation.trials[1].state(), v1::TRIAL_STATE_INFEASIBLE);
}

}  // namespace
}  // namespace tpsweep::server
