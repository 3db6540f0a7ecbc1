// Runs that go on from a checkpoint on another worker, to the same bits.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/cluster.h"

namespace tpsweep {
namespace {

using testing::IsEmpty;
using testing::Not;
using testing::Optional;

// The first measurement of the second attempt of the only run.
int64_t FirstOfSecondAttempt(Cluster& cluster, const std::string& study) {
  for (const v1::MeasurementRecord& record : cluster.Measurements(study, true)) {
    if (absl::EndsWith(record.attempt(), "/attempts/2")) return record.measurement().sequence();
  }
  return 0;
}

void Change(Cluster& cluster, const std::string& study,
            grpc::Status (v1::SweepService::Stub::*method)(grpc::ClientContext*,
                                                           const v1::StudyRequest&, v1::Study*)) {
  v1::StudyRequest request;
  request.set_name(study);
  grpc::ClientContext context;
  v1::Study answer;
  const grpc::Status status = (cluster.service().*method)(&context, request, &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

// On a server with one worker: in the middle of its only run.
std::string PausedStudy(Cluster& cluster, const v1::StudySpec& spec) {
  cluster.StartServer({"--lease-ttl", "10m"});
  cluster.StartWorker("w1");
  const std::string study = cluster.Create(spec).name();
  cluster.WaitForRunning(study);
  Change(cluster, study, &v1::SweepService::Stub::PauseStudy);
  EXPECT_TRUE(WaitUntil([&] { return cluster.Runs(study).at(0).state() == v1::RUN_STATE_PAUSED; }));
  return study;
}

std::vector<std::filesystem::path> CheckpointFiles(const Cluster& cluster) {
  std::vector<std::filesystem::path> files;
  const std::string folder = cluster.folder() + "/store.sqlite.checkpoints";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

TEST(ResumeTest, AHandedBackRunGoesOnWhereItWas) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "10m"});
  Process& stopped = cluster.StartWorker("w1");
  const v1::StudySpec spec = LongStudy("handed-back");
  const std::string study = cluster.Create(spec).name();
  cluster.WaitForRunning(study);
  stopped.Signal(SIGTERM);
  EXPECT_THAT(stopped.WaitForExit(absl::Seconds(5)), Optional(0)) << stopped.Errors();
  EXPECT_THAT(CheckpointFiles(cluster), testing::SizeIs(1));
  cluster.StartWorker("w2");
  cluster.WaitForEnd(study);
  EXPECT_GT(FirstOfSecondAttempt(cluster, study), 3);
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
  // Its final state, kept because it is the best, has every bit of the undisturbed one.
  const std::vector<std::filesystem::path> final_states = CheckpointFiles(cluster);
  ASSERT_THAT(final_states, testing::SizeIs(2));
  EXPECT_EQ(final_states[0].filename(), final_states[1].filename()) << "named by their digests";
}

TEST(ResumeTest, AKilledWorkerLosesOnlyWhatCameAfterItsLastCheckpoint) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "2s"});
  cluster.StartWorker("w1");
  v1::StudySpec spec = LongStudy("killed");
  spec.mutable_checkpoints()->set_every_seconds(0.2);
  const std::string study = cluster.Create(spec).name();
  ASSERT_TRUE(WaitUntil([&] {
    const std::vector<v1::Run> runs = cluster.Runs(study);
    return !runs.empty() && !runs[0].checkpoints().empty();
  }));
  cluster.worker("w1").Signal(SIGKILL);
  cluster.StartWorker("w2");
  cluster.WaitForEnd(study);
  EXPECT_GT(FirstOfSecondAttempt(cluster, study), 1);
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
}

TEST(ResumeTest, APausedStudyGoesOnAlsoAfterARestartOfTheServer) {
  Cluster cluster;
  const v1::StudySpec spec = LongStudy("paused");
  const std::string study = PausedStudy(cluster, spec);
  EXPECT_EQ(cluster.Workers().at(0).busy_slots(), 0);
  cluster.server().Signal(SIGKILL);
  ASSERT_TRUE(cluster.server().WaitForExit());
  cluster.StartServer({"--lease-ttl", "10m"});
  EXPECT_EQ(cluster.Get(study).state(), v1::STUDY_STATE_PAUSED);
  Change(cluster, study, &v1::SweepService::Stub::ResumeStudy);
  cluster.WaitForEnd(study);
  EXPECT_GT(FirstOfSecondAttempt(cluster, study), 3);
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
}

TEST(ResumeTest, ADamagedCheckpointCostsTimeAndNothingElse) {
  Cluster cluster;
  const v1::StudySpec spec = LongStudy("damaged");
  const std::string study = PausedStudy(cluster, spec);
  ASSERT_THAT(CheckpointFiles(cluster), Not(IsEmpty()));
  for (const std::filesystem::path& file : CheckpointFiles(cluster)) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(std::filesystem::file_size(file) / 2));
    bytes.put('\x5a').put('\xa5');
  }
  Change(cluster, study, &v1::SweepService::Stub::ResumeStudy);
  cluster.WaitForEnd(study);
  EXPECT_THAT(cluster.server().Errors(), testing::HasSubstr("checkpoint.rejected"));
  EXPECT_THAT(cluster.worker("w1").Errors(), testing::HasSubstr("attempt.begins_again"));
  EXPECT_EQ(cluster.Numbers(study), cluster.Undisturbed(spec));
}

// What a sweep with a scheduler came to, without what tells of time.
std::vector<std::string> Outcome(Cluster& cluster, const std::string& study) {
  std::vector<std::string> outcome;
  for (const v1::Trial& trial : cluster.Trials(study)) {
    outcome.push_back(absl::StrCat(trial.parameters(0).value().number_value(), " to epoch ",
                                   trial.epochs(), ": ", NumberText(trial.objective()), ", ",
                                   v1::TrialState_Name(trial.state())));
  }
  return outcome;
}

TEST(ResumeTest, AScheduledSweepDecidesAsUndisturbed) {
  Cluster cluster;
  cluster.StartServer({"--lease-ttl", "2s"});
  cluster.StartWorker("w1");
  v1::StudySpec spec = LongStudy("scheduled");
  spec.mutable_training()->set_epochs(27);
  v1::Parameter& rate = *spec.mutable_space(0);
  rate.mutable_log()->set_low(1e-4);
  rate.mutable_log()->set_high(1e-1);
  spec.mutable_search()->mutable_sampler()->mutable_tpe()->set_trials(20);
  spec.mutable_search()->mutable_scheduler()->mutable_asha();
  const std::string study = cluster.Create(spec).name();
  const auto has_ended = [&cluster](const std::string& name) {
    return cluster.Get(name).state() == v1::STUDY_STATE_COMPLETED;
  };
  // Killed in turn: the worker at trial 3, 9, 15, the server at 6, 12.
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(
        WaitUntil([&] { return cluster.Trials(study).size() > static_cast<size_t>(3 * i); }));
    Process& victim = i % 2 == 1 ? cluster.worker("w1") : cluster.server();
    victim.Signal(SIGKILL);
    ASSERT_TRUE(victim.WaitForExit());
    if (i % 2 == 1) {
      cluster.StartWorker("w1");
    } else {
      cluster.StartServer({"--lease-ttl", "2s"});
    }
  }
  ASSERT_TRUE(WaitUntil([&] { return has_ended(study); }, absl::Seconds(60)));

  spec.set_study("undisturbed");
  const std::string undisturbed = cluster.Create(spec).name();
  ASSERT_TRUE(WaitUntil([&] { return has_ended(undisturbed); }, absl::Seconds(60)));
  EXPECT_EQ(Outcome(cluster, study), Outcome(cluster, undisturbed));
  int64_t stopped = 0;
  for (const v1::Trial& trial : cluster.Trials(study)) {
    stopped += trial.state() == v1::TRIAL_STATE_STOPPED;
  }
  EXPECT_GT(stopped, 10);
}

}  // namespace
}  // namespace tpsweep
