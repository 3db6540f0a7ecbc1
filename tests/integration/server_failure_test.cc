// Servers that die, come back, are told to stop or may not start.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using testing::Optional;

// Follows all events, over every loss of the server.
class Watcher {
 public:
  explicit Watcher(const Cluster& cluster)
      : service_(cluster.NewService()), thread_([this] { Watch(); }) {}
  ~Watcher() {
    is_over_ = true;
    {
      MutexLock lock(mu_);
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }
  std::vector<int64_t> revisions() {
    MutexLock lock(mu_);
    return revisions_;
  }
  bool has_seen(const std::string& type, const std::string& resource) {
    MutexLock lock(mu_);
    return seen_.contains(type + " " + resource);
  }

 private:
  void Watch() {
    while (!is_over_) {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      v1::WatchRequest request;
      {
        MutexLock lock(mu_);
        if (!revisions_.empty()) request.set_after_revision(revisions_.back());
        context_ = &context;
        if (is_over_) return;
      }
      const auto stream = service_->Watch(&context, request);
      v1::Event event;
      while (stream->Read(&event)) {
        MutexLock lock(mu_);
        revisions_.push_back(event.revision());
        seen_.insert(event.type() + " " + event.resource());
      }
      stream->Finish();
      MutexLock lock(mu_);
      context_ = nullptr;
    }
  }

  const std::unique_ptr<v1::SweepService::Stub> service_;
  std::atomic<bool> is_over_ = false;
  Mutex mu_;
  std::vector<int64_t> revisions_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> seen_ ABSL_GUARDED_BY(mu_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;
};

TEST(ServerFailureTest, AfterKillMinusNineWorkAndWatchersGoOn) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "8s"});
  cluster.StartWorker("w1");
  cluster.StartWorker("w2");
  Watcher watcher(cluster);
  const v1::StudySpec spec = LongStudy("survivor", {0.01, 0.02});
  const std::string study = cluster.Create(spec).name();
  const v1::Run before = cluster.WaitForRunning(study, 5);
  const size_t measured = cluster.Measurements(before.name()).size();
  EXPECT_GE(measured, 5u);

  cluster.server().Signal(SIGKILL);
  ASSERT_THAT(cluster.server().WaitForExit(), Optional(-SIGKILL));
  cluster.StartServer({"--lease-ttl", "8s"});
  // What was acknowledged is there.
  EXPECT_GE(cluster.Measurements(before.name()).size(), measured);
  cluster.WaitForEnd(study);

  for (const v1::Run& run : cluster.Runs(study)) {
    EXPECT_EQ(run.attempt(), 1) << "started again: " << run.ShortDebugString();
    int64_t sequence = 0;
    for (const v1::MeasurementRecord& record : cluster.Measurements(run.name(), true)) {
      EXPECT_EQ(record.measurement().sequence(), ++sequence) << run.name();
    }
    EXPECT_EQ(sequence, spec.training().epochs()) << run.name();
  }
  v1::StudySpec again = spec;
  again.set_study("undisturbed");
  const std::string undisturbed = cluster.Create(again).name();
  cluster.WaitForEnd(undisturbed);
  EXPECT_EQ(cluster.Numbers(study), cluster.Numbers(undisturbed));

  // The watcher saw every revision once, in order, over the restart.
  ASSERT_TRUE(WaitUntil([&] { return watcher.has_seen("study.completed", undisturbed); }));
  const std::vector<int64_t> revisions = watcher.revisions();
  for (size_t i = 0; i < revisions.size(); ++i) {
    ASSERT_EQ(revisions[i], static_cast<int64_t>(i) + 1);
  }
  EXPECT_TRUE(watcher.has_seen("study.completed", study));
}

TEST(ServerFailureTest, AfterKillMinusNineTheSamplerChoosesAsUndisturbed) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "8s"});
  cluster.StartWorker("w1");
  v1::StudySpec spec = LongStudy("disturbed");
  spec.mutable_training()->set_epochs(15);
  v1::Interval& rates = *spec.mutable_space(0)->mutable_log();
  rates.set_low(1e-4);
  rates.set_high(1e-1);
  v1::TpeSampler& tpe = *spec.mutable_search()->mutable_sampler()->mutable_tpe();
  tpe.set_trials(16);
  tpe.set_startup(4);
  const std::string study = cluster.Create(spec).name();
  ASSERT_TRUE(WaitUntil([&] { return cluster.Trials(study).size() >= 7; }));
  cluster.server().Signal(SIGKILL);
  ASSERT_THAT(cluster.server().WaitForExit(), Optional(-SIGKILL));
  cluster.StartServer({"--lease-ttl", "8s"});
  cluster.WaitForEnd(study);

  spec.set_study("undisturbed");
  const std::string undisturbed = cluster.Create(spec).name();
  cluster.WaitForEnd(undisturbed);
  const std::vector<v1::Trial> trials = cluster.Trials(study);
  const std::vector<v1::Trial> expected = cluster.Trials(undisturbed);
  ASSERT_EQ(trials.size(), 16u);
  ASSERT_EQ(expected.size(), 16u);
  for (size_t i = 0; i < trials.size(); ++i) {
    EXPECT_EQ(trials[i].parameters(0).value().number_value(),
              expected[i].parameters(0).value().number_value())
        << i;
    EXPECT_EQ(trials[i].objective(), expected[i].objective()) << i;
    EXPECT_EQ(trials[i].source(), i < 4 ? "startup" : "tpe");
  }
}

TEST(ServerFailureTest, ASecondServerOnTheSameStoreIsRefused) {
  Cluster cluster;
  cluster.StartServer();
  const auto second =
      cluster.Start("second", "tpsweep-server",
                    {"--listen", "127.0.0.1:0", "--store", cluster.folder() + "/store.sqlite"});
  EXPECT_THAT(second->WaitForExit(absl::Seconds(5)), Optional(1));
  EXPECT_THAT(second->Errors(), HasSubstr("store.sqlite"));
  EXPECT_TRUE(cluster.server().is_running());
}

TEST(ServerFailureTest, ListeningBeyondThisMachineNeedsTlsOrConsent) {
  Cluster cluster;
  const auto open =
      cluster.Start("open", "tpsweep-server",
                    {"--listen", "0.0.0.0:0", "--store", cluster.folder() + "/open.sqlite"});
  const std::optional<int> exit = open->WaitForExit(absl::Seconds(5));
  ASSERT_TRUE(exit.has_value());
  EXPECT_NE(*exit, 0);
  EXPECT_THAT(open->Errors(), HasSubstr("--insecure"));
}

TEST(ServerFailureTest, ADrainedServerLeavesTheRunsToItsSuccessor) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "8s"});
  Process& worker = cluster.StartWorker("w1");
  const std::string study = cluster.Create(LongStudy("drained")).name();
  cluster.WaitForRunning(study);
  cluster.server().Signal(SIGTERM);
  EXPECT_THAT(cluster.server().WaitForExit(absl::Seconds(10)), Optional(0))
      << cluster.server().Errors();
  // The worker waits for the next server, and the run goes on there.
  cluster.StartServer({"--lease-ttl", "8s"});
  cluster.WaitForEnd(study);
  EXPECT_EQ(cluster.Runs(study).at(0).attempt(), 1);
  EXPECT_TRUE(worker.is_running());
}

TEST(ServerFailureTest, AWorkerWaitsForAServerThatIsNotThereYet) {
  Cluster cluster;
  cluster.StartServer();
  cluster.server().Signal(SIGKILL);
  ASSERT_TRUE(cluster.server().WaitForExit());
  Process& worker = cluster.StartWorker("early");
  ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(worker.Errors(), "server.unreachable"); }));
  EXPECT_TRUE(worker.is_running());
  cluster.StartServer();
  EXPECT_TRUE(WaitUntil([&] { return cluster.Workers().size() == 1; }));
}

TEST(ServerFailureTest, ASecondWorkerOfTheSameNameIsRefused) {
  Cluster cluster;
  cluster.StartServer();
  Process& first = cluster.StartWorker("twin");
  ASSERT_TRUE(WaitUntil([&] { return cluster.Workers().size() == 1; }));
  const auto second = cluster.Start("second-twin", "tpsweep-worker",
                                    {"--server", cluster.address(), "--name", "twin"});
  EXPECT_THAT(second->WaitForExit(absl::Seconds(20)), Optional(1));
  EXPECT_THAT(second->Errors(), HasSubstr("twin"));
  EXPECT_TRUE(first.is_running());
}

}  // namespace
}  // namespace tpsweep
