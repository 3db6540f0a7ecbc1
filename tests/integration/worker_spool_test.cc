// Workers that outlive their server, and come back after they were killed.
#include <gmock/gmock.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "tests/integration/cluster.h"
#include "tpsweep/v1/worker_service.pb.h"
#include "worker/agent/records.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using testing::Optional;

class WorkerSpoolTest : public testing::Test {
 protected:
  // With a checkpoint every tenth of a second.
  static v1::StudySpec Spec(const std::string& name) {
    v1::StudySpec spec = LongStudy(name);
    spec.mutable_checkpoints()->set_every_seconds(0.1);
    return spec;
  }
  // A study whose run is under way on worker w1, and has left a checkpoint.
  std::string Begin(const v1::StudySpec& spec, const std::string& lease_ttl) {
    cluster_.StartServer({"--lease-ttl", lease_ttl});
    cluster_.StartWorker("w1");
    std::string study = cluster_.Create(spec).name();
    cluster_.WaitForRunning(study);
    EXPECT_TRUE(WaitUntil([&] { return SpooledEpoch() > 0; })) << worker().Errors();
    return study;
  }
  Process& worker() { return cluster_.worker("w1"); }
  static void Kill(Process& process) {
    process.Signal(SIGKILL);
    ASSERT_THAT(process.WaitForExit(), Optional(-SIGKILL));
  }

  // Of the only attempt that the worker w1 holds.
  std::string Spooled(const std::string& name) const {
    const std::filesystem::path spool = cluster_.folder() + "/worker-state/w1.spool";
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(spool, error)) {
      if (entry.is_directory()) return ReadFile(entry.path() / name).value_or("");
    }
    return "";
  }
  int64_t SpooledEpoch() const {
    const std::string file = Spooled("checkpoint");
    const auto record = agent::FirstRecord(file);
    v1::Lease lease;
    if (record) lease.ParseFromArray(record->data(), static_cast<int>(record->size()));
    return lease.checkpoint().epoch();
  }
  // While the server is away.
  void WaitForEpochs(int64_t more) {
    const int64_t before = SpooledEpoch();
    ASSERT_TRUE(WaitUntil([&] { return SpooledEpoch() >= before + more; })) << worker().Errors();
  }
  void ExpectAsUndisturbed(const std::string& study, const v1::StudySpec& spec, int64_t attempts) {
    cluster_.WaitForEnd(study);
    const v1::Run run = cluster_.Runs(study).at(0);
    EXPECT_EQ(run.attempt(), attempts) << worker().Errors();
    int64_t sequence = 0;
    for (const v1::MeasurementRecord& record : cluster_.Measurements(run.name())) {
      EXPECT_EQ(record.measurement().sequence(), ++sequence);
    }
    EXPECT_EQ(sequence, spec.training().epochs());
    EXPECT_EQ(cluster_.Numbers(study), cluster_.Undisturbed(spec));
  }

  Cluster cluster_;
};

TEST_F(WorkerSpoolTest, TrainsOnWithoutTheServerAlsoAfterItWasKilled) {
  const v1::StudySpec spec = Spec("outage");
  const std::string study = Begin(spec, "10m");
  Kill(cluster_.server());
  WaitForEpochs(20);
  Kill(worker());
  cluster_.StartWorker("w1");
  WaitForEpochs(20);
  EXPECT_THAT(worker().Errors(), HasSubstr("attempt.taken_up"));
  cluster_.StartServer({"--lease-ttl", "10m"});
  ExpectAsUndisturbed(study, spec, 1);
  EXPECT_TRUE(WaitUntil([&] { return Spooled("lease").empty(); }));
}

TEST_F(WorkerSpoolTest, WhatEndedWithoutTheServerIsReportedByTheNextProcess) {
  const v1::StudySpec spec = Spec("ended");
  const std::string study = Begin(spec, "10m");
  Kill(cluster_.server());
  ASSERT_TRUE(WaitUntil([&] { return !Spooled("completion").empty(); })) << worker().Errors();
  Kill(worker());
  cluster_.StartWorker("w1");
  cluster_.StartServer({"--lease-ttl", "10m"});
  ExpectAsUndisturbed(study, spec, 1);
}

TEST_F(WorkerSpoolTest, AKilledWorkerTakesItsRunUpAgainAtOnce) {
  const v1::StudySpec spec = Spec("killed");
  // So long that only this can explain the end of this test.
  const std::string study = Begin(spec, "10m");
  Kill(worker());
  cluster_.StartWorker("w1");
  ExpectAsUndisturbed(study, spec, 1);
}

TEST_F(WorkerSpoolTest, AWorkerThatComesBackTooLateDropsItsRun) {
  const v1::StudySpec spec = Spec("late");
  const std::string study = Begin(spec, "1s");
  Kill(worker());
  cluster_.StartWorker("w2");
  ASSERT_TRUE(WaitUntil([&] { return cluster_.Runs(study).at(0).worker() == "w2"; }));
  EXPECT_FALSE(Spooled("lease").empty());
  cluster_.StartWorker("w1");
  EXPECT_TRUE(WaitUntil([&] { return absl::StrContains(worker().Errors(), "attempt.abandoned"); }));
  EXPECT_TRUE(WaitUntil([&] { return Spooled("lease").empty(); }));
  ExpectAsUndisturbed(study, spec, 2);
  EXPECT_EQ(cluster_.Runs(study).at(0).worker(), "w2");
}

TEST_F(WorkerSpoolTest, OneProcessAtATimeIsTheWorker) {
  cluster_.StartServer({"--lease-ttl", "10m"});
  cluster_.StartWorker("w1");
  ASSERT_TRUE(WaitUntil([&] { return cluster_.Workers().size() == 1; }));
  const std::unique_ptr<Process> second =
      cluster_.Start("second", "tpsweep-worker",
                     {"--server", cluster_.address(), "--name", "w1", "--data",
                      cluster_.DataFolder(), "--state", cluster_.folder() + "/worker-state"});
  EXPECT_THAT(second->WaitForExit(), Optional(1));
  EXPECT_THAT(second->Errors(), HasSubstr("another process is worker 'w1' already"));
  EXPECT_TRUE(worker().is_running());
}

TEST_F(WorkerSpoolTest, AWorkerWithoutANameComesBackToo) {
  cluster_.StartServer({"--lease-ttl", "10m"});
  const auto start = [&](const std::string& log) {
    return cluster_.Start(log, "tpsweep-worker",
                          {"--server", cluster_.address(), "--slots", "1", "--data",
                           cluster_.DataFolder(), "--state", cluster_.folder() + "/worker-state"});
  };
  const std::unique_ptr<Process> first = start("first");
  const v1::StudySpec spec = Spec("nameless");
  const std::string study = cluster_.Create(spec).name();
  const v1::Run run = cluster_.WaitForRunning(study);
  Kill(*first);
  const std::unique_ptr<Process> second = start("second");
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(second->Errors(), "attempt.taken_up"); }));
  cluster_.WaitForEnd(study);
  EXPECT_EQ(cluster_.Runs(study).at(0).worker(), run.worker());
  EXPECT_EQ(cluster_.Runs(study).at(0).attempt(), 1);
  EXPECT_EQ(cluster_.Workers().size(), 1u);
}

}  // namespace
}  // namespace tpsweep
