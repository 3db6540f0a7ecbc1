// Workers as an array job of a real Slurm (deploy/slurm/worker.sbatch): one is preempted, one is
// warned, the node of one is lost.
#include "tests/fakes/slurm.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::ElementsAre;

// What Slurm may take to preempt a job, to miss a node, or to start a job again.
constexpr absl::Duration kSlurmTakes = absl::Seconds(60);

class SlurmTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!SlurmCluster::MayBeStarted()) {
      GTEST_SKIP() << "this needs root: nodes of a Slurm on one machine are namespaces";
    }
    slurm_ = std::make_unique<SlurmCluster>(3);
    cluster_.StartServer({"--lease-ttl", "2s"});
  }

  // The study, and two workers of one slot, each in the middle of one of its two runs, on nodes
  // of their own. A checkpoint every tenth of a second.
  void Begin(const std::string& name, int epochs) {
    spec_ = LongStudy(name, {0.01, 0.02});
    spec_.mutable_training()->set_epochs(epochs);
    spec_.mutable_checkpoints()->set_every_seconds(0.1);
    study_ = cluster_.Create(spec_).name();
    const std::string printed =
        slurm_->Run({"sbatch", "--parsable", "--array=1-2", "--output=" + LogFile("%a"),
                     absl::StrCat(std::getenv("TPSWEEP_SOURCE_DIR"), "/deploy/slurm/worker.sbatch"),
                     "--server", cluster_.address(), "--data", cluster_.DataFolder()},
                    {absl::StrCat("PATH=", std::getenv("TPSWEEP_BIN_DIR"), ":/usr/bin:/bin"),
                     "TPSWEEP_EXIT_WHEN_IDLE=2s"});
    array_ = std::string(absl::StripAsciiWhitespace(printed));
    ASSERT_TRUE(WaitUntil([&] { return !RunOf(1).empty() && !RunOf(2).empty(); })) << Story();
  }

  std::string Task(int task) const { return absl::StrCat(array_, "_", task); }
  std::string Of(int task, const std::string& what) { return slurm_->Job(Task(task))[what]; }
  // The run that its worker trains, once that has left a checkpoint.
  std::string RunOf(int task) {
    for (const v1::Run& run : cluster_.Runs(study_)) {
      if (run.worker() == "test-" + Task(task) && run.state() == v1::RUN_STATE_RUNNING &&
          run.checkpoints_size() > 0) {
        return run.name();
      }
    }
    return "";
  }
  bool WaitUntilItSays(int task, const std::string& words) {
    return WaitUntil([&] { return absl::StrContains(LogOf(task), words); }, kSlurmTakes);
  }
  // It has come back so often, and has ended because there was nothing left to do.
  void ExpectToEndAfter(int task, const std::string& restarts) {
    EXPECT_TRUE(WaitUntilItSays(task, "worker.stopping idle_for")) << Story();
    EXPECT_TRUE(WaitUntil([&] { return Of(task, "JobState") == "COMPLETED"; })) << Story();
    EXPECT_EQ(Of(task, "Restarts"), restarts) << Story();
  }

  // What the events of this type of the study, which has ended, are about.
  std::vector<std::string> Subjects(const std::string& type) {
    v1::WatchRequest request;
    request.set_study(study_);
    request.set_until_study_ends(true);
    grpc::ClientContext context;
    const auto stream = cluster_.service().Watch(&context, request);
    std::vector<std::string> subjects;
    for (v1::Event event; stream->Read(&event);) {
      if (event.type() == type) subjects.push_back(event.resource());
    }
    return subjects;
  }
  // Its second attempt was the last, and went on from a checkpoint of the first.
  void ExpectToHaveGoneOn(const std::string& name) {
    int64_t attempts = 0;
    for (const v1::Run& run : cluster_.Runs(study_)) {
      if (run.name() != name) continue;
      attempts = run.attempt();
      EXPECT_EQ(run.failures(), 0);
    }
    EXPECT_EQ(attempts, 2) << name << Story();
    int64_t first_sequence = 0;
    for (const v1::MeasurementRecord& record : cluster_.Measurements(name)) {
      if (first_sequence == 0 && absl::EndsWith(record.attempt(), "/attempts/2")) {
        first_sequence = record.measurement().sequence();
      }
    }
    EXPECT_GT(first_sequence, 1) << name << Story();
  }

  std::string LogFile(const std::string& task) const {
    return absl::StrCat(cluster_.folder(), "/task-", task, ".log");
  }
  std::string LogOf(int task) const { return ReadFile(LogFile(absl::StrCat(task))).value_or(""); }
  std::string Story() const {
    return absl::StrCat("\nSlurm:\n", slurm_->ControllerLog(), "task 1:\n", LogOf(1), "task 2:\n",
                        LogOf(2));
  }

  Cluster cluster_;
  std::unique_ptr<SlurmCluster> slurm_;
  std::string array_;  // number of the job
  v1::StudySpec spec_;
  std::string study_;
};

TEST_F(SlurmTest, APreemptedWorkerAndALostNodeChangeNoNumber) {
  ASSERT_NO_FATAL_FAILURE(Begin("array", 600));
  const std::string preempted = RunOf(1);
  const std::string lost = RunOf(2);
  slurm_->Run({"sbatch", "--partition=urgent", "--nodelist=" + Of(1, "NodeList"),
               "--output=/dev/null", "--wrap=true"});
  ASSERT_TRUE(WaitUntilItSays(1, "worker.stopped")) << Story();
  slurm_->LoseNode(Of(2, "NodeList"));

  cluster_.WaitForEnd(study_, absl::Minutes(2));
  ExpectToEndAfter(1, "1");
  ExpectToEndAfter(2, "1");
  EXPECT_THAT(Subjects("attempt.preempted"), ElementsAre(preempted + "/attempts/1"));
  EXPECT_THAT(Subjects("attempt.lost"), ElementsAre(lost + "/attempts/1"));
  ExpectToHaveGoneOn(preempted);
  ExpectToHaveGoneOn(lost);
  cluster_.StartWorker("w1");
  cluster_.StartWorker("w2");
  EXPECT_EQ(cluster_.Numbers(study_), cluster_.Undisturbed(spec_, absl::Minutes(2)));
}

// As before the end of its time, or at preemption where Slurm is told to warn: the job would
// count as completed if it did not queue itself again.
TEST_F(SlurmTest, AWarnedWorkerHandsBackAndIsQueuedAgainAlone) {
  ASSERT_NO_FATAL_FAILURE(Begin("warned", 300));
  // The one that shares its number with the whole array.
  const int warned = Of(1, "JobId") == array_ ? 1 : 2;
  const std::string handed_back = RunOf(warned);
  slurm_->Run({"scancel", "--signal=USR1", "--batch", Task(warned)});
  ASSERT_TRUE(WaitUntilItSays(warned, "worker.stopped")) << Story();

  cluster_.WaitForEnd(study_, absl::Minutes(2));
  ExpectToEndAfter(warned, "1");
  ExpectToEndAfter(3 - warned, "0");
  EXPECT_THAT(Subjects("attempt.preempted"), ElementsAre(handed_back + "/attempts/1"));
  ExpectToHaveGoneOn(handed_back);
}

}  // namespace
}  // namespace tpsweep
