// Two coordinators on one PostgreSQL: the leader dies or freezes, the other takes over.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/mutex.h"
#include "tests/fakes/postgres.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using testing::Optional;

// What a coordinator must not need to be replaced.
constexpr absl::Duration kTakeover = absl::Seconds(10);

class TakeoverTest : public testing::Test {
 protected:
  // A process and where it listens.
  struct Coordinator {
    std::unique_ptr<Process> process;
    std::string address;
  };

  Coordinator StartCoordinator(const std::string& name,
                               const std::string& address = "127.0.0.1:0") {
    const std::string port_file = cluster_.folder() + "/" + name + ".port";
    unlink(port_file.c_str());
    Coordinator coordinator;
    coordinator.process = cluster_.Start(
        name, "tpsweep-server",
        {"--listen", address, "--port-file", port_file, "--store", uri_, "--lease-ttl", "20s"});
    EXPECT_TRUE(WaitUntil([&] { return ReadFile(port_file).ok(); }))
        << coordinator.process->Errors();
    coordinator.address = std::string(absl::StripAsciiWhitespace(ReadFile(port_file).value_or("")));
    return coordinator;
  }

  // What it says to a call.
  static grpc::Status Ask(const Coordinator& coordinator, std::string* leader = nullptr) {
    const auto service = v1::SweepService::NewStub(
        grpc::CreateChannel(coordinator.address, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::ListStudiesResponse response;
    const grpc::Status status = service->ListStudies(&context, v1::ListStudiesRequest(), &response);
    const auto& metadata = context.GetServerTrailingMetadata();
    if (const auto found = metadata.find("tpsweep-leader");
        leader != nullptr && found != metadata.end()) {
      *leader = std::string(found->second.data(), found->second.size());
    }
    return status;
  }

  static bool StandsByFor(const Coordinator& coordinator, const Coordinator& leader) {
    std::string named;
    const grpc::Status status = Ask(coordinator, &named);
    return status.error_code() == grpc::StatusCode::UNAVAILABLE && named == leader.address;
  }

  void StartBoth() {
    a_ = StartCoordinator("a");
    ASSERT_TRUE(Ask(a_).ok());
    b_ = StartCoordinator("b");
    ASSERT_TRUE(StandsByFor(b_, a_));
    // Workers ask the wrong one first.
    cluster_.Use(a_.address, absl::StrCat(b_.address, ",", a_.address));
    cluster_.StartWorker("w1");
    cluster_.StartWorker("w2");
  }
  // The one that leads, once one does.
  Coordinator& Leader() {
    EXPECT_TRUE(WaitUntil([&] { return Ask(a_).ok() || Ask(b_).ok(); }, kTakeover));
    Coordinator& leader = Ask(a_).ok() ? a_ : b_;
    cluster_.Use(leader.address, absl::StrCat(b_.address, ",", a_.address));
    return leader;
  }

  // The same study, undisturbed, gives the same numbers; and each of them once.
  void ExpectAsUndisturbed(const v1::StudySpec& spec, const std::string& study,
                           const Reading& before) {
    for (const v1::Run& run : cluster_.Runs(study)) {
      EXPECT_EQ(run.latest().sequence(), spec.training().epochs()) << run.name();
    }
    EXPECT_THAT(Violations(cluster_.HistoryOf(study, {before})), testing::IsEmpty());
    EXPECT_EQ(cluster_.Numbers(study), cluster_.Undisturbed(spec, absl::Minutes(20)));
  }

  std::string Client(const std::vector<std::string>& arguments) {
    const auto client = cluster_.Start("client", "tpsweep", arguments);
    EXPECT_THAT(client->WaitForExit(), Optional(0)) << client->Errors();
    return client->Output();
  }

  PostgresServer postgres_;
  const std::string uri_ = postgres_.NewDatabase();
  Cluster cluster_;
  Coordinator a_;
  Coordinator b_;
};

TEST_F(TakeoverTest, AfterKillMinusNineOfTheLeaderTheOtherGoesOn) {
  StartBoth();
  const v1::StudySpec spec = LongStudy("survivor", {0.01, 0.02});
  const std::string study = cluster_.Create(spec).name();
  cluster_.WaitForRunning(study, 5);
  const Reading before = cluster_.Read(study);
  const std::string both = absl::StrCat(b_.address, ",", a_.address);
  EXPECT_THAT(Client({"--server", both, "ls"}), HasSubstr("survivor"));

  a_.process->Signal(SIGKILL);
  ASSERT_TRUE(WaitUntil([&] { return Ask(b_).ok(); }, kTakeover)) << b_.process->Errors();
  cluster_.Use(b_.address, both);
  cluster_.WaitForEnd(study);
  // What was acknowledged is there, and no run was begun again.
  for (const v1::Run& run : cluster_.Runs(study)) EXPECT_EQ(run.attempt(), 1) << run.name();
  ExpectAsUndisturbed(spec, study, before);
  EXPECT_THAT(Client({"--server", absl::StrCat(a_.address, ",", b_.address), "ls"}),
              HasSubstr("survivor"));
}

TEST_F(TakeoverTest, AFrozenLeaderThatWakesUpCannotWriteAndStandsBy) {
  StartBoth();
  const v1::StudySpec spec = LongStudy("thawed", {0.01, 0.02});
  const std::string study = cluster_.Create(spec).name();
  cluster_.WaitForRunning(study, 5);
  const Reading before = cluster_.Read(study);

  a_.process->Signal(SIGSTOP);
  ASSERT_TRUE(WaitUntil([&] { return Ask(b_).ok(); }, kTakeover)) << b_.process->Errors();
  cluster_.Use(b_.address, absl::StrCat(b_.address, ",", a_.address));
  // It wakes with reports of its workers in its hands.
  a_.process->Signal(SIGCONT);
  EXPECT_TRUE(WaitUntil([&] { return StandsByFor(a_, b_); })) << a_.process->Errors();
  cluster_.WaitForEnd(study);
  ExpectAsUndisturbed(spec, study, before);

  // And takes over in its turn when the other is stopped, at once.
  b_.process->Signal(SIGTERM);
  EXPECT_THAT(b_.process->WaitForExit(), Optional(0)) << b_.process->Errors();
  ASSERT_TRUE(WaitUntil([&] { return Ask(a_).ok(); }, kTakeover)) << a_.process->Errors();
}

// As kill_storm_test does with one server: TPSWEEP_KILLS and TPSWEEP_EPOCHS; one kill in ten is
// the leader's.
TEST_F(TakeoverTest, AStormOfKillsChangesNothing) {
  StartBoth();
  const int kills = FromEnvironment("TPSWEEP_KILLS", 20);
  int kills_of_study = 0;
  v1::StudySpec spec = LongStudy("storm", {0.01, 0.02});
  spec.mutable_training()->set_epochs(FromEnvironment("TPSWEEP_EPOCHS", 150));
  spec.mutable_search()->set_replicates(std::max(4, kills / 10));
  spec.mutable_checkpoints()->set_every_seconds(0.1);
  const std::string study = cluster_.Create(spec).name();
  std::mt19937 random(20261129);
  Mutex mu;
  CondVar never;
  for (int kill = 1; kill <= kills; ++kill) {
    {
      MutexLock lock(mu);
      never.WaitFor(mu, absl::Milliseconds(20 + random() % 300));
    }
    if (kill % 10 == 0) {
      Coordinator& leader = Leader();
      if (cluster_.Get(study).state() == v1::STUDY_STATE_ACTIVE) kills_of_study += 10;
      leader.process->Signal(SIGKILL);
      ASSERT_TRUE(leader.process->WaitForExit());
      leader = StartCoordinator(&leader == &a_ ? "a" : "b", leader.address);
      Leader();
    } else {
      const std::string victim = random() % 2 == 0 ? "w1" : "w2";
      cluster_.worker(victim).Signal(SIGKILL);
      ASSERT_TRUE(cluster_.worker(victim).WaitForExit());
      cluster_.StartWorker(victim);
    }
  }
  Leader();
  const Reading before = cluster_.Read(study);
  cluster_.WaitForEnd(study, absl::Minutes(20));
  int64_t attempts = 0;
  for (const v1::Run& run : cluster_.Runs(study)) attempts += run.attempt();
  const int64_t taken_up = cluster_.TimesTakenUp("w1") + cluster_.TimesTakenUp("w2");
  EXPECT_GT(taken_up, 0) << "the storm has missed";
  std::cout << 2 * spec.search().replicates() << " runs in " << attempts
            << " attempts, taken up again " << taken_up << " times; the study ran at "
            << kills_of_study << " of " << kills << " kills\n";
  ExpectAsUndisturbed(spec, study, before);
}

}  // namespace
}  // namespace tpsweep
