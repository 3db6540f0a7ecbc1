// Workers that vanish, freeze and are told to stop.
#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::Each;
using testing::Optional;

TEST(WorkerFailureTest, ARunOfAKilledWorkerStartsAgainElsewhere) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "2s"});
  cluster.StartWorker("w1");
  const v1::StudySpec spec = LongStudy("killed", {0.01, 0.02});
  const std::string study = cluster.Create(spec).name();
  const v1::Run before = cluster.WaitForRunning(study);
  cluster.worker("w1").Signal(SIGKILL);
  cluster.StartWorker("w2");
  cluster.WaitForEnd(study);

  for (const v1::Run& run : cluster.Runs(study)) {
    EXPECT_EQ(run.worker(), "w2");
    EXPECT_EQ(run.attempt(), run.name() == before.name() ? 2 : 1);
    EXPECT_EQ(run.failures(), 0);
  }
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
}

TEST(WorkerFailureTest, AFrozenWorkerLosesItsRunAndCannotSpoilIt) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "2s"});
  Process& frozen = cluster.StartWorker("w1");
  const v1::StudySpec spec = LongStudy("frozen");
  const std::string study = cluster.Create(spec).name();
  const v1::Run before = cluster.WaitForRunning(study);
  EXPECT_EQ(before.worker(), "w1");
  frozen.Signal(SIGSTOP);
  cluster.StartWorker("w2");
  ASSERT_TRUE(WaitUntil([&] { return cluster.Runs(study).at(0).worker() == "w2"; }));
  frozen.Signal(SIGCONT);
  // It learns that the attempt is no longer its own, and stays of use.
  EXPECT_TRUE(WaitUntil([&] { return absl::StrContains(frozen.Errors(), "attempt.abandoned"); }));
  cluster.WaitForEnd(study);

  const v1::Run run = cluster.Runs(study).at(0);
  EXPECT_EQ(run.attempt(), 2);
  EXPECT_EQ(run.worker(), "w2");
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
  EXPECT_TRUE(frozen.is_running());
  int64_t connected = 0;
  for (const v1::Worker& worker : cluster.Workers()) connected += worker.connected();
  EXPECT_EQ(connected, 2);
}

TEST(WorkerFailureTest, AStoppedWorkerHandsItsRunBackAtOnce) {
  Cluster cluster;
  // So long that only a hand-back can explain the end of this test.
  cluster.StartServer({"--lease-ttl", "10m"});
  Process& stopped = cluster.StartWorker("w1");
  const v1::StudySpec spec = LongStudy("stopped");
  const std::string study = cluster.Create(spec).name();
  cluster.WaitForRunning(study);
  cluster.StartWorker("w2");
  stopped.Signal(SIGTERM);
  EXPECT_THAT(stopped.WaitForExit(absl::Seconds(5)), Optional(0)) << stopped.Errors();
  cluster.WaitForEnd(study);
  const v1::Run run = cluster.Runs(study).at(0);
  EXPECT_EQ(run.worker(), "w2");
  EXPECT_EQ(run.attempt(), 2);
  EXPECT_EQ(run.failures(), 0);
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
}

TEST(WorkerFailureTest, AWorkerStopsInTimeEvenWithoutItsServer) {
  Cluster cluster;
  cluster.StartServer();
  Process& worker = cluster.StartWorker("w1");
  v1::StudySpec spec = LongStudy("orphan");
  spec.mutable_training()->set_epochs(100'000);
  cluster.WaitForRunning(cluster.Create(spec).name());
  cluster.server().Signal(SIGKILL);
  ASSERT_TRUE(cluster.server().WaitForExit());
  worker.Signal(SIGTERM);
  EXPECT_THAT(worker.WaitForExit(absl::Seconds(5)), Optional(0)) << worker.Errors();
}

TEST(WorkerFailureTest, ASecondSignalEndsAWorkerAtOnce) {
  Cluster cluster;
  cluster.StartServer();
  Process& worker = cluster.StartWorker("w1");
  v1::StudySpec spec = LongStudy("impatient");
  spec.mutable_training()->set_epochs(100'000);
  cluster.WaitForRunning(cluster.Create(spec).name());
  cluster.server().Signal(SIGSTOP);  // it will acknowledge nothing
  worker.Signal(SIGTERM);
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(worker.Errors(), "worker.stopping"); }));
  worker.Signal(SIGTERM);
  EXPECT_THAT(worker.WaitForExit(absl::Seconds(1)), Optional(1)) << worker.Errors();
}

// As batch systems do: a warning, and then their usual one.
TEST(WorkerFailureTest, SignalsOfTwoKindsAreOneRequestToStop) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "10m"});
  Process& worker = cluster.StartWorker("w1");
  const v1::StudySpec spec = LongStudy("warned");
  const std::string study = cluster.Create(spec).name();
  cluster.WaitForRunning(study);
  cluster.server().Signal(SIGSTOP);  // nothing is handed back before both have come
  worker.Signal(SIGUSR1);
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(worker.Errors(), "worker.stopping"); }));
  worker.Signal(SIGTERM);
  cluster.server().Signal(SIGCONT);
  EXPECT_THAT(worker.WaitForExit(absl::Seconds(5)), Optional(0)) << worker.Errors();
  cluster.StartWorker("w2");
  cluster.WaitForEnd(study);
  EXPECT_EQ(cluster.Runs(study).at(0).attempt(), 2);
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
}

TEST(WorkerFailureTest, AWorkerWithoutWorkEndsIfItWasAskedTo) {
  Cluster cluster;
  cluster.StartServer();
  // Trains for longer than it may be idle.
  const std::string study = cluster.Create(LongStudy("last")).name();
  const std::unique_ptr<Process> worker =
      cluster.Start("w1", "tpsweep-worker",
                    {"--server", cluster.address(), "--name", "w1", "--slots", "1", "--data",
                     cluster.DataFolder(), "--state", cluster.folder() + "/worker-state",
                     "--exit-when-idle", "1s"});
  cluster.WaitForEnd(study);
  EXPECT_EQ(cluster.Runs(study).at(0).attempt(), 1);
  EXPECT_THAT(worker->WaitForExit(), Optional(0)) << worker->Errors();
}

TEST(WorkerFailureTest, ARunThatCrashesItsWorkerIsQuarantinedAndTheOthersGoOn) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "10m"});
  v1::StudySpec spec = LongStudy("crashing");
  spec.mutable_training()->set_epochs(100'000);
  const std::string study = cluster.Create(spec).name();
  for (int i = 1; i <= 3; ++i) {
    Process& worker = cluster.StartWorker("w1");
    ASSERT_TRUE(WaitUntil([&] {
      const std::vector<v1::Run> runs = cluster.Runs(study);
      return !runs.empty() && runs[0].attempt() == i && runs[0].has_latest();
    })) << worker.Errors();
    worker.Signal(SIGSEGV);
    ASSERT_TRUE(worker.WaitForExit());
  }
  cluster.StartWorker("w1");
  ASSERT_TRUE(WaitUntil([&] { return cluster.Runs(study).at(0).state() == v1::RUN_STATE_FAILED; }));
  EXPECT_THAT(cluster.Runs(study).at(0).message(), testing::HasSubstr("SIGSEGV"));
  cluster.WaitForEnd(cluster.Create(LongStudy("next")).name());
}

TEST(WorkerFailureTest, CancellingAStudyStopsItsRuns) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "10m"});
  Process& worker = cluster.StartWorker("w1");
  v1::StudySpec spec = LongStudy("cancelled");
  spec.mutable_training()->set_epochs(100'000);
  const std::string study = cluster.Create(spec).name();
  cluster.WaitForRunning(study);
  v1::StudyRequest request;
  request.set_name(study);
  grpc::ClientContext context;
  v1::Study cancelled;
  ASSERT_TRUE(cluster.service().CancelStudy(&context, request, &cancelled).ok());
  EXPECT_TRUE(WaitUntil([&] { return cluster.Get(study).state() == v1::STUDY_STATE_CANCELLED; }));
  EXPECT_TRUE(WaitUntil([&] {
    return cluster.Runs(study).at(0).state() == v1::RUN_STATE_CANCELLED &&
           cluster.Workers().at(0).busy_slots() == 0;
  }));
  // The slot is free for others.
  spec = LongStudy("next");
  spec.mutable_training()->set_epochs(1);
  cluster.WaitForEnd(cluster.Create(spec).name());
  EXPECT_TRUE(worker.is_running());
}

}  // namespace
}  // namespace tpsweep
