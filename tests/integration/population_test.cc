// Population-based training by real processes.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// A population of four over four epochs. The learning rate tells the trials apart and stays as
// it is; the parameter that is perturbed changes nothing about the training.
v1::StudySpec Population(const std::string& name) {
  v1::StudySpec spec = LongStudy(name, {0.001, 0.01, 0.03, 0.1});
  spec.mutable_training()->set_epochs(4);
  v1::Parameter& idle = *spec.add_space();
  idle.set_path("training.hopeless.max_train_error");
  idle.mutable_linear()->set_low(0.5);
  idle.mutable_linear()->set_high(0.9);
  spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(4);
  spec.mutable_search()->mutable_scheduler()->mutable_pbt()->set_population(4);
  return spec;
}

bool HasEnded(Cluster& cluster, const std::string& study) {
  return cluster.Get(study).state() == v1::STUDY_STATE_COMPLETED;
}

TEST(PopulationTest, ATrialGoesOnFromTheStateOfItsParent) {
  Cluster cluster;
  cluster.StartServer();
  cluster.StartWorker("w1");
  cluster.StartWorker("w2");
  const std::string study = cluster.Create(Population("lines")).name();
  ASSERT_TRUE(WaitUntil([&] { return HasEnded(cluster, study); }, absl::Seconds(60)));
  const std::vector<v1::Trial> trials = cluster.Trials(study);
  ASSERT_THAT(trials, SizeIs(7));
  auto numbers = cluster.Numbers(study);
  const auto of = [&](int64_t trial) -> RunNumbers& {
    return numbers.at(absl::StrCat("/trials/", trial, "/runs/0"));
  };
  int compared = 0;
  for (const v1::Trial& trial : trials) {
    if (!trial.has_fork()) continue;
    ASSERT_FALSE(of(trial.number()).empty());
    EXPECT_EQ(of(trial.number()).begin()->first.first, trial.fork().epoch() + 1)
        << "its first measurement is that after its birth";
    // What it is trained with is what its parent is trained with: so are its results.
    const RunNumbers& parents = of(trial.fork().parent());
    for (const auto& [place, value] : of(trial.number())) {
      const auto same = parents.find(place);
      if (same == parents.end()) continue;  // the parent was beaten itself
      EXPECT_EQ(value, same->second) << "trial " << trial.number() << ", " << place.second;
      ++compared;
    }
  }
  EXPECT_GT(compared, 10);
}

TEST(PopulationTest, KilledServersAndWorkersChangeNoDecision) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "2s"});
  cluster.StartWorker("w1");
  cluster.StartWorker("w2");
  v1::StudySpec spec = Population("killed");
  spec.mutable_training()->set_epochs(60);
  spec.mutable_search()->mutable_scheduler()->mutable_pbt()->set_every(10);
  spec.mutable_space(0)->mutable_log()->set_low(1e-3);
  spec.mutable_space(0)->mutable_log()->set_high(1e-1);
  spec.mutable_search()->set_replicates(2);
  const std::string study = cluster.Create(spec).name();
  // The server whenever a trial has just gone on from another, a worker in between.
  for (size_t trials = 5; trials <= 8; ++trials) {
    ASSERT_TRUE(WaitUntil([&] { return cluster.Trials(study).size() >= trials; }));
    cluster.server().Signal(SIGKILL);
    ASSERT_TRUE(cluster.server().WaitForExit());
    cluster.StartServer({"--lease-ttl", "2s"});
    Process& worker = cluster.worker("w1");
    worker.Signal(SIGKILL);
    ASSERT_TRUE(worker.WaitForExit());
    cluster.StartWorker("w1");
  }
  ASSERT_TRUE(WaitUntil([&] { return HasEnded(cluster, study); }, absl::Seconds(90)));

  spec.set_study("undisturbed");
  const std::string undisturbed = cluster.Create(spec).name();
  ASSERT_TRUE(WaitUntil([&] { return HasEnded(cluster, undisturbed); }, absl::Seconds(90)));
  EXPECT_EQ(cluster.Decisions(study), cluster.Decisions(undisturbed));
  EXPECT_THAT(cluster.Trials(study), SizeIs(4 + 5));
  for (const v1::Run& run : cluster.Runs(study)) {
    EXPECT_EQ(run.message().find("from its beginning"), std::string::npos) << run.name();
  }
  EXPECT_THAT(cluster.worker("w2").Errors(), testing::Not(HasSubstr("attempt.begins_again")));
}

}  // namespace
}  // namespace tpsweep
