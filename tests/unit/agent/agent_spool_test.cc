// An agent with a spool: outages, and processes that are killed and come back.
#include <gmock/gmock.h>

#include <filesystem>

#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/unit/agent/agent_fixture.h"

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kLots = 1 << 20;

class SpoolingAgentTest : public AgentTest {
 protected:
  SpoolingAgentTest() {
    SetLogSink([this](LogLevel, absl::string_view line) {
      MutexLock lock(log_mu_);
      log_ += std::string(line) + "\n";
    });
  }
  ~SpoolingAgentTest() override {
    Kill();
    SetLogSink({});
  }

  // A process starts, and opens the spool; `crashes` were noted.
  void StartProcess(int64_t buffer_bytes = kLots, int64_t spool_bytes = kLots,
                    std::vector<v1::Crash> crashes = {}) {
    v1::Hello self;
    self.set_worker_id("w");
    self.set_incarnation(absl::StrCat("process-", ++num_processes_));
    spool_ = Spool::Open(folder_.File("spool"), self, spool_bytes).value();
    AgentOptions options = Options(1);
    options.incarnation = spool_->self().incarnation();
    options.buffer_bytes = buffer_bytes;
    options.crashes = std::move(crashes);
    agent_ = std::make_unique<Agent>(options, data_, clock_, script_.CreateRun(), spool_.get());
  }
  // As SIGKILL leaves it: an agent that is closed writes nothing more.
  void Kill() {
    if (agent_ == nullptr) return;
    agent_->Disconnect();
    shelf_ = nullptr;
    agent_ = nullptr;
    spool_ = nullptr;
  }
  void LeaseWithCheckpoints(const std::string& attempt) {
    v1::ServerMessage message;
    message.mutable_lease()->set_attempt(attempt);
    message.mutable_lease()->mutable_checkpoint_interval()->set_seconds(60);
    message.mutable_lease()->mutable_time_left()->set_seconds(1000);
    agent_->Receive(message);
  }
  void TrainTo(int count) {
    script_.Measure(count - script_.num_reported());
    WaitFor([&] { return script_.num_reported() == count; });
  }
  // A checkpoint becomes due, and is written.
  void LetCheckpoint() {
    const std::string before = ReadFile(File("checkpoint")).value_or("");
    clock_.Advance(absl::Seconds(61));
    WaitFor([&] { return ReadFile(File("checkpoint")).value_or("") != before; });
  }
  // The server is away, and the run has `before` measurements before its checkpoint, `after`
  // behind it. What it is killed with it has not said.
  void TrainAndKill(int before, int after, int64_t buffer_bytes = kLots) {
    StartProcess(buffer_bytes);
    Connect();
    LeaseWithCheckpoints(kFirst);
    agent_->Disconnect();
    TrainTo(before);
    LetCheckpoint();
    TrainTo(before + after);
    Kill();
  }
  std::string File(const std::string& name) const {
    return folder_.File("spool/studies.s.trials.0.runs.0.attempts.1/" + name);
  }
  bool IsSpoolEmpty() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.File("spool"))) {
      if (entry.is_directory()) return false;
    }
    return true;
  }
  std::string log() {
    MutexLock lock(log_mu_);
    return log_;
  }

  TempFolder folder_;
  std::unique_ptr<Spool> spool_;
  int num_processes_ = 0;
  Mutex log_mu_;
  std::string log_ ABSL_GUARDED_BY(log_mu_);
};

TEST_F(SpoolingAgentTest, TrainsOnBeyondItsMemoryWhileTheServerIsAway) {
  StartProcess(400);
  Connect();
  Lease(kFirst);
  agent_->Disconnect();
  TrainTo(1000);
  script_.Finish();
  EXPECT_GT(ReadFile(File("measurements")).value().size(), 20'000u);
  EXPECT_THAT(Connect().held_attempts(), ElementsAre(kFirst));
  Ack(kFirst, 0);
  for (int64_t last = 0; last < 1000;) {
    const v1::Report report = NextReport();
    for (const v1::Measurement& m : report.measurements()) ASSERT_EQ(m.sequence(), ++last);
    // Every other stream breaks.
    if (report.measurements(0).sequence() % 2 == 0) {
      last = report.measurements(0).sequence();
      agent_->Disconnect();
      Connect();
    }
    Ack(kFirst, last);
  }
  EXPECT_EQ(NextCompletion().last_sequence(), 1000);
  EXPECT_FALSE(IsSpoolEmpty());
  Ack(kFirst, 1000, true);
  EXPECT_TRUE(IsSpoolEmpty());
}

TEST_F(SpoolingAgentTest, WritesNothingButTheLeaseWhileAServerListens) {
  StartProcess();
  Connect();
  Lease(kFirst);
  script_.Measure(50);
  script_.Finish();
  ReportsUpTo(50);
  EXPECT_EQ(NextCompletion().free_slots().count(), 1);  // the slot is done with it
  EXPECT_TRUE(ReadFile(File("lease")).ok());
  EXPECT_FALSE(ReadFile(File("measurements")).ok());
  EXPECT_FALSE(ReadFile(File("completion")).ok());
}

TEST_F(SpoolingAgentTest, AKilledProcessComesBackAsTheSameAndGoesOn) {
  TrainAndKill(5, 3);
  StartProcess();
  const v1::Hello hello = Connect();
  EXPECT_EQ(hello.incarnation(), "process-1");
  EXPECT_THAT(hello.held_attempts(), ElementsAre(kFirst));
  Ack(kFirst, 2);
  EXPECT_THAT(ReportsUpTo(5), ElementsAre(3, 4, 5));
  EXPECT_EQ(NextReport().checkpoint().sequence(), 5);
  EXPECT_EQ(*shelf_->uploads().at(0).bytes, "after 5");
  script_.Measure(1);
  EXPECT_THAT(ReportsUpTo(6), ElementsAre(6));
  // A later checkpoint has a later number.
  v1::ServerMessage ack;
  ack.mutable_ack()->set_attempt(kFirst);
  ack.mutable_ack()->set_durable_sequence(6);
  ack.mutable_ack()->set_durable_checkpoint(1);
  agent_->Receive(ack);
  LetCheckpoint();
  EXPECT_EQ(NextReport().checkpoint().number(), 2);
}

TEST_F(SpoolingAgentTest, ItGoesOnBeforeTheServerIsBack) {
  TrainAndKill(5, 3);
  StartProcess();
  script_.Measure(2);
  WaitFor([&] { return script_.num_reported() == 8 + 2; });
  script_.Finish();
  WaitFor([&] { return ReadFile(File("completion")).ok(); });
  Kill();
  StartProcess();
  EXPECT_THAT(Connect().held_attempts(), ElementsAre(kFirst));
  Ack(kFirst, 0);
  EXPECT_THAT(ReportsUpTo(5), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_TRUE(NextReport().has_checkpoint());
  EXPECT_THAT(ReportsUpTo(7), ElementsAre(6, 7));
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  EXPECT_EQ(script_.num_created(), 2) << "its training is over";
  Ack(kFirst, 7, true);
  EXPECT_TRUE(IsSpoolEmpty());
}

TEST_F(SpoolingAgentTest, WhatTheServerHasIsNotSaidAgain) {
  TrainAndKill(5, 3);
  StartProcess();
  Connect();
  Ack(kFirst, 7);  // before it was killed, it had said more than it had written
  EXPECT_EQ(NextReport().checkpoint().sequence(), 5);
  script_.Measure(3);
  EXPECT_THAT(ReportsUpTo(8), ElementsAre(8));
}

TEST_F(SpoolingAgentTest, AnAttemptThatWasGivenAwayIsRemoved) {
  TrainAndKill(5, 3);
  StartProcess();
  EXPECT_THAT(Connect().held_attempts(), ElementsAre(kFirst));
  Ack(kFirst, 0, false, v1::DIRECTIVE_ABANDON);
  NextFreeSlots(1);
  WaitFor([&] { return IsSpoolEmpty(); });
  EXPECT_EQ(script_.num_reported(), 8);
  Kill();
  StartProcess();
  const v1::Hello hello = Connect();
  EXPECT_THAT(hello.held_attempts(), IsEmpty());
  EXPECT_EQ(hello.incarnation(), "process-3");
}

TEST_F(SpoolingAgentTest, ARunThatCrashedIsNotTakenUp) {
  TrainAndKill(5, 3);
  v1::Crash crash;
  crash.set_attempt(kFirst);
  crash.set_what("SIGSEGV");
  StartProcess(kLots, kLots, {crash});
  const v1::Hello hello = Connect();
  EXPECT_THAT(hello.held_attempts(), IsEmpty());
  EXPECT_THAT(hello.crashes(), SizeIs(1));
  EXPECT_TRUE(IsSpoolEmpty());
  EXPECT_EQ(script_.num_created(), 1);
}

TEST_F(SpoolingAgentTest, ARunThatItsMachineKillsEachTimeIsHandedBack) {
  TrainAndKill(5, 0);
  for (int i = 0; i < 3; ++i) {
    StartProcess();
    WaitFor([&] { return script_.num_created() == 2 + i; });
    Kill();
  }
  StartProcess();
  Connect();
  Ack(kFirst, 0);
  EXPECT_THAT(ReportsUpTo(5), SizeIs(5));
  EXPECT_TRUE(NextReport().has_checkpoint());
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_EQ(completion.last_sequence(), 5);
  EXPECT_THAT(completion.message(), HasSubstr("4 times"));
  EXPECT_EQ(script_.num_created(), 4);
}

TEST_F(SpoolingAgentTest, AWorkerThatIsStoppedWithoutAServerGoesOnWhenItIsStarted) {
  StartProcess();
  Connect();
  LeaseWithCheckpoints(kFirst);
  agent_->Disconnect();
  TrainTo(4);
  agent_->Drain();
  WaitFor([&] { return ReadFile(File("checkpoint")).ok(); });
  Kill();
  StartProcess();
  script_.Measure(1);
  WaitFor([&] { return script_.num_reported() == 5; });
  Connect();
  Ack(kFirst, 0);
  EXPECT_THAT(ReportsUpTo(4), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(NextReport().has_checkpoint());
  EXPECT_THAT(ReportsUpTo(5), ElementsAre(5));
}

TEST_F(SpoolingAgentTest, ItsTimeIsCountedOverAllProcesses) {
  TrainAndKill(5, 0);  // 61 of 1000 seconds
  StartProcess();
  Connect();
  Ack(kFirst, 5);
  WaitFor([&] { return script_.num_created() == 2; });
  script_.Measure(1);
  ReportsUpTo(6);
  clock_.Advance(absl::Seconds(940));
  while (NextReport().checkpoint().number() < 2) {
  }
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_TIMED_OUT);
}

TEST_F(SpoolingAgentTest, WaitsAtTheBoundAndGoesOnWhenThereIsRoom) {
  StartProcess(400, 1000);
  Connect();
  Lease(kFirst);
  agent_->Disconnect();
  script_.Measure(1000);
  script_.Finish();
  WaitFor([&] { return absl::StrContains(log(), "spool.full"); });
  EXPECT_LT(script_.num_reported(), 100);
  Connect();
  Ack(kFirst, 0);
  int64_t last = 0;
  while (last < 1000) {
    const v1::Report report = NextReport();
    for (const v1::Measurement& m : report.measurements()) ASSERT_EQ(m.sequence(), ++last);
    Ack(kFirst, last);
  }
  EXPECT_EQ(NextCompletion().last_sequence(), 1000);
}

TEST_F(SpoolingAgentTest, WhatCannotBeReadIsHandedBack) {
  StartProcess(400);
  Connect();
  Lease(kFirst);
  agent_->Disconnect();
  TrainTo(1000);
  ASSERT_EQ(truncate(File("measurements").c_str(), 10'000), 0);
  Connect();
  Ack(kFirst, 0);
  for (;;) {
    const std::optional<v1::WorkerMessage> message = agent_->Next();
    ASSERT_TRUE(message.has_value());
    if (message->has_report()) {
      Ack(kFirst, message->report().measurements().rbegin()->sequence());
    }
    if (!message->has_completion()) continue;
    EXPECT_EQ(message->completion().outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
    EXPECT_THAT(message->completion().message(), HasSubstr("no whole record"));
    break;
  }
  EXPECT_THAT(log(), HasSubstr("spool.damaged"));
  Ack(kFirst, 0, true);
  WaitFor([&] { return IsSpoolEmpty(); });
}

TEST_F(SpoolingAgentTest, AGapIsHandedBack) {
  TrainAndKill(5, 0);
  ASSERT_EQ(truncate(File("measurements").c_str(), 0), 0);
  StartProcess();
  Connect();
  Ack(kFirst, 3);  // and 4 and 5 are nowhere
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_LE(completion.last_sequence(), 3);
  EXPECT_THAT(completion.message(), HasSubstr("after number 3"));
}

TEST_F(SpoolingAgentTest, ACheckpointOfNoUseIsHandedBack) {
  TrainAndKill(5, 0);
  // Whole, but of another program.
  const std::string bytes = ReadFile(File("checkpoint")).value();
  {
    const std::unique_ptr<Spool> spool = Spool::Open(folder_.File("spool"), {}, kLots).value();
    std::vector<SpooledAttempt> found = spool->TakeUp();
    v1::Lease lease = found.at(0).lease;
    lease.mutable_checkpoint()->set_sha256(Sha256Hex("strange"));
    ASSERT_TRUE(found[0].spool->Save(lease, "strange"));
  }
  StartProcess();
  Connect();
  Ack(kFirst, 0);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_THAT(log(), HasSubstr("not of this run"));
}

}  // namespace
}  // namespace tpsweep::agent
