// A study whose server, workers and client are killed again and again, at random moments: at its
// end every run has exactly one result, every measurement is there once, and all numbers are
// those of the undisturbed study, bit for bit.
//
//   TPSWEEP_KILLS, TPSWEEP_RUNS, TPSWEEP_EPOCHS   of a run; tests/run.sh chaos has the long form
//   TPSWEEP_SEED                                  of the moments and victims, to repeat a storm
#include <gmock/gmock.h>

#include <iostream>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

constexpr int kWorkers = 4;

// Runs of a hundredth of a second an epoch or so, with a checkpoint every tenth of one.
v1::StudySpec ShortRuns(const std::string& name, int runs, int epochs) {
  v1::StudySpec spec = LongStudy(name, {0.01, 0.02});
  spec.mutable_training()->set_epochs(epochs);
  spec.mutable_search()->set_replicates(runs / 2);
  spec.mutable_checkpoints()->set_every_seconds(0.1);
  return spec;
}

void StartWorker(Cluster& cluster, int number) { cluster.StartWorker(absl::StrCat("w", number)); }

std::unique_ptr<Process> StartClient(Cluster& cluster) {
  return cluster.Start("client", "tpsweep", {"--server", cluster.address(), "watch", "storm"});
}

TEST(KillStormTest, EveryRunHasOneResultAndTheBitsOfTheUndisturbedStudy) {
  const int kills = FromEnvironment("TPSWEEP_KILLS", 25);
  const int runs = FromEnvironment("TPSWEEP_RUNS", 24);
  const int epochs = FromEnvironment("TPSWEEP_EPOCHS", 100);
  const int seed = FromEnvironment("TPSWEEP_SEED", static_cast<int>(std::random_device{}() >> 1));
  SCOPED_TRACE(absl::StrCat("TPSWEEP_SEED=", seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  const auto below = [&random](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };

  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "2s"});
  for (int i = 0; i < kWorkers; ++i) StartWorker(cluster, i);
  const std::string study = cluster.Create(ShortRuns("storm", runs, epochs)).name();
  std::unique_ptr<Process> client = StartClient(cluster);
  Mutex mu;
  CondVar never;
  int kills_of_study = 0;
  std::vector<Reading> readings;
  for (int kill = 0; kill < kills; ++kill) {
    if (kill == kills / 2) readings.push_back(cluster.Read(study));
    if (cluster.Get(study).state() == v1::STUDY_STATE_ACTIVE) ++kills_of_study;
    {
      MutexLock lock(mu);
      never.WaitFor(mu, absl::Milliseconds(20 + below(300)));
    }
    const int lot = below(10);
    if (lot == 0) {
      // A client that has been watching.
      client->Signal(SIGKILL);
      ASSERT_TRUE(client->WaitForExit());
      client = StartClient(cluster);
    } else if (lot <= 2) {
      cluster.server().Signal(SIGKILL);
      ASSERT_TRUE(cluster.server().WaitForExit());
      cluster.StartServer({"--lease-ttl", "2s"});
    } else {
      const int victim = below(kWorkers);
      Process& worker = cluster.worker(absl::StrCat("w", victim));
      worker.Signal(SIGKILL);
      ASSERT_TRUE(worker.WaitForExit());
      StartWorker(cluster, victim);
    }
  }
  cluster.WaitForEnd(study, absl::Minutes(20));
  // The last one has come through the deaths of the server since, and sees the end.
  EXPECT_THAT(client->WaitForExit(), testing::Optional(0)) << client->Errors();

  std::map<std::string, int> results;
  int64_t attempts = 0;
  for (const v1::Run& run : cluster.Runs(study)) {
    EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.name() << ": " << run.message();
    ++results[run.name()];
    EXPECT_EQ(run.latest().sequence(), epochs) << run.name();
    attempts += run.attempt();
  }
  EXPECT_EQ(results.size(), static_cast<size_t>(runs));
  int64_t taken_up = 0;
  for (int i = 0; i < kWorkers; ++i) taken_up += cluster.TimesTakenUp(absl::StrCat("w", i));
  EXPECT_GT(taken_up, 0) << "the storm has missed";
  std::cout << runs << " runs in " << attempts << " attempts, taken up again " << taken_up
            << " times; " << kills_of_study << " of " << kills << " kills while the study ran\n";

  // One story of each run, whoever wrote which part of it.
  EXPECT_THAT(Violations(cluster.HistoryOf(study, std::move(readings))), testing::IsEmpty());
  EXPECT_EQ(cluster.Numbers(study),
            cluster.Undisturbed(ShortRuns("", runs, epochs), absl::Minutes(20)));
}

}  // namespace
}  // namespace tpsweep
