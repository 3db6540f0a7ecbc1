#include "worker/agent/agent.h"

#include <gmock/gmock.h>

#include <new>
#include <stdexcept>
#include <vector>

#include "common/sha256.h"
#include "tests/fakes/checkpoint_shelf.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/agent/scripted_run.h"

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";
constexpr char kSecond[] = "studies/s/trials/1/runs/0/attempts/1";

AgentOptions Options(int slots) {
  AgentOptions options;
  options.worker_id = "w";
  options.incarnation = "4f2a";
  options.host = "here";
  options.version = "0.1.0";
  options.slots = slots;
  return options;
}

// The test plays the server. A message that never comes shows as a time-out.
class AgentTest : public testing::Test {
 protected:
  void Start(int slots = 1, int64_t buffer_bytes = 1 << 20) {
    AgentOptions options = Options(slots);
    options.buffer_bytes = buffer_bytes;
    agent_ = std::make_unique<Agent>(options, data_, clock_, script_.CreateRun());
  }
  void StartWith(Agent::CreateRun create_run) {
    agent_ = std::make_unique<Agent>(Options(1), data_, clock_, std::move(create_run));
  }

  ~AgentTest() override {
    if (agent_ != nullptr) agent_->Disconnect();
  }

  v1::Hello Connect() {
    agent_->Disconnect();
    shelf_ = nullptr;
    const v1::Hello hello = agent_->Connect().hello();
    shelf_ = std::make_unique<CheckpointShelf>(*agent_);
    v1::ServerMessage message;
    message.mutable_welcome()->mutable_lease_ttl()->set_seconds(30);
    message.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(10);
    agent_->Receive(message);
    return hello;
  }
  void Lease(const std::string& attempt) {
    v1::ServerMessage message;
    message.mutable_lease()->set_attempt(attempt);
    agent_->Receive(message);
  }
  void Ack(const std::string& attempt, int64_t durable_sequence, bool completed = false,
           v1::Directive directive = v1::DIRECTIVE_CONTINUE) {
    v1::ServerMessage message;
    message.mutable_ack()->set_attempt(attempt);
    message.mutable_ack()->set_durable_sequence(durable_sequence);
    message.mutable_ack()->set_completed(completed);
    message.mutable_ack()->set_directive(directive);
    agent_->Receive(message);
  }

  // The next message of the kind; others are passed over.
  v1::WorkerMessage Next(v1::WorkerMessage::MessageCase kind) {
    for (;;) {
      const std::optional<v1::WorkerMessage> message = agent_->Next();
      if (!message) {
        ADD_FAILURE() << "the stream is over";
        return {};
      }
      if (message->message_case() == kind) return *message;
    }
  }
  v1::Report NextReport() { return Next(v1::WorkerMessage::kReport).report(); }
  v1::Completion NextCompletion() { return Next(v1::WorkerMessage::kCompletion).completion(); }
  // Sequences of the next reports, up to `last`.
  std::vector<int64_t> ReportsUpTo(int64_t last) {
    std::vector<int64_t> sequences;
    while (sequences.empty() || sequences.back() < last) {
      const v1::Report report = NextReport();
      for (const v1::Measurement& m : report.measurements()) {
        sequences.push_back(m.sequence());
      }
    }
    return sequences;
  }
  void NextFreeSlots(int count) {
    while (Next(v1::WorkerMessage::kFreeSlots).free_slots().count() != count) {
    }
  }
  // Everything said from now until the next heartbeat.
  std::vector<v1::WorkerMessage> SaidUntilHeartbeat() {
    clock_.Advance(absl::Seconds(10));
    std::vector<v1::WorkerMessage> said;
    while (const std::optional<v1::WorkerMessage> message = agent_->Next()) {
      if (message->has_heartbeat()) break;
      said.push_back(*message);
      clock_.Advance(absl::Seconds(10));
    }
    return said;
  }
  void WaitFor(const std::function<bool()>& condition) {
    Mutex mu;
    CondVar never;
    MutexLock lock(mu);
    while (!condition()) never.WaitFor(mu, absl::Milliseconds(1));
  }

  FakeClock clock_;
  trainer::DataSetCache data_{{}};
  Script script_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<CheckpointShelf> shelf_;
};

TEST_F(AgentTest, HelloSaysWhoItIs) {
  Start(3);
  const v1::Hello hello = Connect();
  EXPECT_EQ(hello.protocol_version(), 1);
  EXPECT_EQ(hello.worker_id(), "w");
  EXPECT_EQ(hello.incarnation(), "4f2a");
  EXPECT_EQ(hello.host(), "here");
  EXPECT_EQ(hello.slots(), 3);
  EXPECT_EQ(hello.version(), "0.1.0");
  EXPECT_THAT(hello.held_attempts(), IsEmpty());
}

TEST_F(AgentTest, SaysHowManySlotsAreFreeWhenTheServerCannotKnow) {
  Start(2);
  Connect();
  EXPECT_EQ(agent_->Next()->free_slots().count(), 2);
  Lease(kFirst);
  Lease(kSecond);
  // Each lease took one, as both sides know.
  EXPECT_THAT(SaidUntilHeartbeat(), IsEmpty());
  script_.Finish();
  NextFreeSlots(2);
}

// Over before the sender looked: as many slots are free as before, but the
// server does not know.
TEST_F(AgentTest, AQuickRunGivesItsSlotBack) {
  Start(1);
  Connect();
  EXPECT_EQ(agent_->Next()->free_slots().count(), 1);
  script_.Finish();
  Lease(kFirst);
  NextCompletion();
  EXPECT_EQ(agent_->Next()->free_slots().count(), 1);
}

TEST_F(AgentTest, SaysNothingBeforeItIsWelcome) {
  Start();
  agent_->Connect();
  std::thread later([&] {
    WaitFor([end = absl::Now() + absl::Milliseconds(20)] { return absl::Now() > end; });
    agent_->Disconnect();
  });
  EXPECT_FALSE(agent_->Next().has_value());
  later.join();
}

TEST_F(AgentTest, TrainsALeaseAndReportsEverything) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(3);
  script_.Finish();
  EXPECT_THAT(ReportsUpTo(3), ElementsAre(1, 2, 3));
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.attempt(), kFirst);
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  EXPECT_EQ(completion.last_sequence(), 3);
  EXPECT_FALSE(agent_->WaitUntilIdle(absl::ZeroDuration()));
  Ack(kFirst, 3, true);
  EXPECT_TRUE(agent_->WaitUntilIdle(absl::ZeroDuration()));
}

TEST_F(AgentTest, SendsAHeartbeatWhenThereIsNothingElseToSay) {
  Start();
  Connect();
  NextFreeSlots(1);
  clock_.Advance(absl::Seconds(11));
  EXPECT_TRUE(agent_->Next()->has_heartbeat());
}

TEST_F(AgentTest, AfterAReconnectSendsWhatWasNotAcknowledged) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(3);
  EXPECT_THAT(ReportsUpTo(3), ElementsAre(1, 2, 3));
  Ack(kFirst, 1);
  agent_->Disconnect();
  EXPECT_FALSE(agent_->Next().has_value());

  // It goes on while the server is away.
  script_.Measure(2);
  script_.Finish();
  WaitFor([&] { return script_.num_reported() == 5; });

  EXPECT_THAT(Connect().held_attempts(), ElementsAre(kFirst));
  // Until the server has said whether the attempt is still ours, not a word of it.
  for (const v1::WorkerMessage& message : SaidUntilHeartbeat()) {
    EXPECT_TRUE(message.has_free_slots()) << message.ShortDebugString();
  }
  Ack(kFirst, 2);
  EXPECT_THAT(ReportsUpTo(5), ElementsAre(3, 4, 5));
  EXPECT_EQ(NextCompletion().last_sequence(), 5);
  EXPECT_EQ(script_.num_created(), 1);
}

TEST_F(AgentTest, SendsTheCompletionAgainUntilItIsAcknowledged) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(1);
  script_.Finish();
  NextCompletion();
  Ack(kFirst, 1);
  agent_->Disconnect();
  EXPECT_THAT(Connect().held_attempts(), ElementsAre(kFirst));
  Ack(kFirst, 1);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  Ack(kFirst, 1, true);
  agent_->Disconnect();
  EXPECT_THAT(Connect().held_attempts(), IsEmpty());
}

TEST_F(AgentTest, AnAbandonedAttemptIsStoppedAndNeverMentionedAgain) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(2);
  ReportsUpTo(2);
  Ack(kFirst, 2, false, v1::DIRECTIVE_ABANDON);
  NextFreeSlots(1);
  EXPECT_EQ(script_.num_stopped(), 1);
  EXPECT_THAT(SaidUntilHeartbeat(), IsEmpty());
  agent_->Disconnect();
  EXPECT_THAT(Connect().held_attempts(), IsEmpty());
}

TEST_F(AgentTest, AnAttemptAbandonedAtAReconnectIsDropped) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(1);
  ReportsUpTo(1);
  agent_->Disconnect();
  EXPECT_THAT(Connect().held_attempts(), ElementsAre(kFirst));
  Ack(kFirst, 0, false, v1::DIRECTIVE_ABANDON);
  NextFreeSlots(1);
  EXPECT_TRUE(agent_->WaitUntilIdle(absl::ZeroDuration()));
}

TEST_F(AgentTest, AStoppedRunEndsAsCancelled) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(1);
  ReportsUpTo(1);
  Ack(kFirst, 1, false, v1::DIRECTIVE_STOP);
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
  EXPECT_EQ(completion.last_sequence(), 1);
}

TEST_F(AgentTest, ARunWaitsWhenTheServerFallsBehind) {
  constexpr int64_t kBufferBytes = 400;
  Start(1, kBufferBytes);
  Connect();
  Lease(kFirst);
  script_.Measure(1000);
  script_.Finish();
  // A measurement here is about 25 bytes.
  WaitFor([&] { return script_.num_reported() >= 10; });
  EXPECT_THAT(SaidUntilHeartbeat(), testing::Not(IsEmpty()));
  EXPECT_LT(script_.num_reported(), 50);
  // With acknowledgements it goes on to its end, and nothing is missing.
  int64_t last = 0;
  agent_->Disconnect();
  Connect();
  Ack(kFirst, 0);
  while (last < 1000) {
    const v1::Report report = NextReport();
    for (const v1::Measurement& m : report.measurements()) {
      ASSERT_EQ(m.sequence(), ++last);
    }
    Ack(kFirst, last);
  }
  EXPECT_EQ(NextCompletion().last_sequence(), 1000);
}

TEST_F(AgentTest, ARunThatWaitsForTheServerCanBeStopped) {
  Start(1, 100);
  Connect();
  Lease(kFirst);
  script_.Measure(1000);
  WaitFor([&] { return script_.num_reported() >= 3; });
  agent_->Drain();
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
}

TEST_F(AgentTest, DrainingHandsEverythingBack) {
  Start(2);
  Connect();
  Lease(kFirst);
  Lease(kSecond);
  NextFreeSlots(0);
  agent_->Drain();
  EXPECT_FALSE(agent_->WaitUntilIdle(absl::ZeroDuration()));
  std::vector<std::string> handed_back;
  for (int i = 0; i < 2; ++i) {
    const v1::Completion completion = NextCompletion();
    EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
    handed_back.push_back(completion.attempt());
    Ack(completion.attempt(), 0, true);
  }
  EXPECT_THAT(handed_back, UnorderedElementsAre(kFirst, kSecond));
  EXPECT_TRUE(agent_->WaitUntilIdle(absl::Seconds(1)));
  EXPECT_THAT(SaidUntilHeartbeat(), IsEmpty());  // no slot is offered again
}

TEST_F(AgentTest, ALeaseThatCrossesTheDrainIsHandedBackUntrained) {
  Start();
  Connect();
  NextFreeSlots(1);
  agent_->Drain();
  Lease(kFirst);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_EQ(script_.num_created(), 0);
  EXPECT_THAT(SaidUntilHeartbeat(), IsEmpty());
}

TEST_F(AgentTest, ALeaseThatIsAlreadyHeldIsIgnored) {
  Start(2);
  Connect();
  Lease(kFirst);
  Lease(kFirst);
  script_.Measure(1);
  script_.Finish();
  EXPECT_EQ(NextCompletion().last_sequence(), 1);
  Lease(kFirst);
  EXPECT_THAT(SaidUntilHeartbeat(),
              testing::Each(testing::Property(&v1::WorkerMessage::has_free_slots, true)));
  EXPECT_EQ(script_.num_created(), 1);
}

TEST_F(AgentTest, MoreLeasesThanSlotsWaitTheirTurn) {
  Start(1);
  Connect();
  Lease(kFirst);
  Lease(kSecond);
  NextFreeSlots(0);
  WaitFor([&] { return script_.num_created() == 1; });
  script_.Finish();
  std::vector<std::string> ended = {NextCompletion().attempt(), NextCompletion().attempt()};
  EXPECT_THAT(ended, ElementsAre(kFirst, kSecond));
}

TEST_F(AgentTest, AnInfeasibleRunSaysWhere) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Finish(Script::End::kInfeasible, "layer 2, step 17");
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_INFEASIBLE);
  EXPECT_EQ(completion.message(), "layer 2, step 17");
}

TEST_F(AgentTest, ARunThatCannotBeMadeFailsWithTheReason) {
  StartWith([](const v1::TrainingSpec&,
               trainer::DataSetCache&) -> absl::StatusOr<std::unique_ptr<trainer::TrainingRun>> {
    return absl::NotFoundError("data set 'cifar' is in none of: /data");
  });
  Connect();
  Lease(kFirst);
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(completion.message(), "data set 'cifar' is in none of: /data");
}

TEST_F(AgentTest, RunningOutOfMemoryFailsOneRunAndNotTheWorker) {
  int num_created = 0;
  StartWith(
      [&](const v1::TrainingSpec& spec,
          trainer::DataSetCache& data) -> absl::StatusOr<std::unique_ptr<trainer::TrainingRun>> {
        if (++num_created == 1) throw std::bad_alloc();
        if (num_created == 2) throw std::runtime_error("strange");
        return script_.CreateRun()(spec, data);
      });
  script_.Finish();
  Connect();
  Lease("a/attempts/1");
  v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_THAT(completion.message(), HasSubstr("out of memory"));
  Lease("b/attempts/1");
  EXPECT_THAT(NextCompletion().message(), HasSubstr("strange"));
  Lease("c/attempts/1");
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
}

TEST_F(AgentTest, ClosingStopsWhatIsTrained) {
  Start(2);
  Connect();
  Lease(kFirst);
  Lease(kSecond);
  WaitFor([&] { return script_.num_created() == 2; });
  agent_->Disconnect();
  shelf_ = nullptr;
  agent_.reset();
  EXPECT_EQ(script_.num_stopped(), 2);
}

// --- checkpoints ---

TEST_F(AgentTest, LeavesACheckpointWhenItHandsBack) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(3);
  ReportsUpTo(3);
  agent_->Drain();
  const v1::Report report = NextReport();
  EXPECT_EQ(report.checkpoint().sequence(), 3);
  EXPECT_EQ(report.checkpoint().epoch(), 3);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  ASSERT_EQ(shelf_->uploads().size(), 1u);
  EXPECT_EQ(*shelf_->uploads()[0].bytes, "after 3");
  EXPECT_EQ(shelf_->uploads()[0].about.sha256(), Sha256Hex("after 3"));
  EXPECT_EQ(shelf_->uploads()[0].about.bytes(), 7);
}

TEST_F(AgentTest, APauseLeavesACheckpointToo) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(2);
  ReportsUpTo(2);
  Ack(kFirst, 2, false, v1::DIRECTIVE_PAUSE);
  EXPECT_EQ(NextReport().checkpoint().sequence(), 2);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PAUSED);
}

TEST_F(AgentTest, ACancelledRunLeavesNone) {
  Start();
  Connect();
  Lease(kFirst);
  script_.Measure(1);
  ReportsUpTo(1);
  Ack(kFirst, 1, false, v1::DIRECTIVE_STOP);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
  EXPECT_THAT(shelf_->uploads(), IsEmpty());
}

TEST_F(AgentTest, ARefusedCheckpointKeepsNothingBack) {
  Start();
  Connect();
  shelf_->Refuse(absl::ResourceExhaustedError("quota"));
  Lease(kFirst);
  script_.Measure(1);
  ReportsUpTo(1);
  agent_->Drain();
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_EQ(shelf_->uploads().size(), 1u);
}

TEST_F(AgentTest, SendsCheckpointsAtTheIntervalOfTheLease) {
  Start();
  Connect();
  v1::ServerMessage message;
  message.mutable_lease()->set_attempt(kFirst);
  message.mutable_lease()->mutable_checkpoint_interval()->set_seconds(60);
  agent_->Receive(message);
  script_.Measure(1);
  ReportsUpTo(1);
  EXPECT_THAT(shelf_->uploads(), IsEmpty());
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(NextReport().checkpoint().number(), 1);
  Ack(kFirst, 1);
  script_.Measure(1);
  EXPECT_THAT(ReportsUpTo(2), ElementsAre(2));
}

TEST_F(AgentTest, ARunWhoseTimeIsUpLeavesACheckpoint) {
  Start();
  Connect();
  v1::ServerMessage message;
  message.mutable_lease()->set_attempt(kFirst);
  message.mutable_lease()->mutable_time_left()->set_seconds(60);
  agent_->Receive(message);
  script_.Measure(1);
  ReportsUpTo(1);
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(NextReport().checkpoint().number(), 1);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_TIMED_OUT);
}

TEST_F(AgentTest, PausesAtItsRung) {
  Start();
  Connect();
  v1::ServerMessage message;
  message.mutable_lease()->set_attempt(kFirst);
  message.mutable_lease()->set_pause_after_epoch(2);
  agent_->Receive(message);
  script_.Measure(5);
  EXPECT_THAT(ReportsUpTo(2), ElementsAre(1, 2));
  EXPECT_EQ(NextReport().checkpoint().epoch(), 2);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_PAUSED);
  EXPECT_EQ(script_.num_reported(), 2);
}

TEST_F(AgentTest, LeavesItsFinalStateIfThatIsWanted) {
  Start();
  Connect();
  v1::ServerMessage message;
  message.mutable_lease()->set_attempt(kFirst);
  message.mutable_lease()->set_keep_final(true);
  agent_->Receive(message);
  script_.Measure(1);
  script_.Finish();
  ReportsUpTo(1);
  EXPECT_EQ(NextReport().checkpoint().epoch(), 1);
  EXPECT_EQ(NextCompletion().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
}

TEST_F(AgentTest, TellsOfCrashesUntilAServerHasHeard) {
  AgentOptions options = Options(1);
  options.crashes.emplace_back().set_attempt(kFirst);
  agent_ = std::make_unique<Agent>(options, data_, clock_, script_.CreateRun());
  EXPECT_EQ(agent_->Connect().hello().crashes_size(), 1);
  EXPECT_FALSE(agent_->has_told_crashes());
  agent_->Disconnect();
  EXPECT_EQ(Connect().crashes_size(), 1);
  EXPECT_TRUE(agent_->has_told_crashes());
  EXPECT_EQ(Connect().crashes_size(), 0);
}

Agent::Downloaded Checkpoint(int64_t epoch, const std::string& bytes) {
  Agent::Downloaded result;
  result.bytes = bytes;
  result.checkpoint.emplace();
  result.checkpoint->set_epoch(epoch);
  result.checkpoint->set_sequence(epoch);
  result.checkpoint->set_sha256(Sha256Hex(bytes));
  return result;
}

class ResumingAgentTest : public AgentTest {
 protected:
  ResumingAgentTest() {
    Start();
    Connect();
  }
  void LeaseWithCheckpoint() {
    v1::ServerMessage message;
    message.mutable_lease()->set_attempt(kSecond);
    message.mutable_lease()->mutable_checkpoint()->set_number(1);
    agent_->Receive(message);
  }
};

TEST_F(ResumingAgentTest, GoesOnAfterTheCheckpoint) {
  shelf_->Give(kSecond, Checkpoint(5, "after 5"));
  LeaseWithCheckpoint();
  script_.Measure(1);
  EXPECT_THAT(ReportsUpTo(6), ElementsAre(6));
  agent_->Drain();
  EXPECT_EQ(NextReport().checkpoint().epoch(), 6);
  EXPECT_EQ(NextCompletion().last_sequence(), 6);
}

TEST_F(ResumingAgentTest, HandsBackAtOnceWhereItWouldHaveGoneOn) {
  shelf_->Give(kSecond, Checkpoint(5, "after 5"));
  LeaseWithCheckpoint();
  WaitFor([this] { return script_.num_created() == 1 && !shelf_->downloads().empty(); });
  Ack(kSecond, 5, false, v1::DIRECTIVE_PAUSE);
  const v1::Completion completion = NextCompletion();
  EXPECT_EQ(completion.outcome(), v1::ATTEMPT_OUTCOME_PAUSED);
  EXPECT_LE(completion.last_sequence(), 5);
}

TEST_F(ResumingAgentTest, RejectsWhatItCannotUse) {
  Agent::Downloaded torn = Checkpoint(7, "after 7");
  torn.bytes = "after 9";
  Agent::Downloaded lost = Checkpoint(6, "");
  lost.status = absl::DataLossError("it is gone");
  shelf_->Give(kSecond, torn);
  shelf_->Give(kSecond, lost);
  shelf_->Give(kSecond, Checkpoint(4, "of another run"));
  shelf_->Give(kSecond, Checkpoint(2, "after 2"));
  LeaseWithCheckpoint();
  script_.Measure(1);
  EXPECT_THAT(ReportsUpTo(3), ElementsAre(3));
  const std::vector<Agent::Download> asked = shelf_->downloads();
  ASSERT_EQ(asked.size(), 4u);
  EXPECT_EQ(asked[0].rejected_sha256(), "");
  EXPECT_EQ(asked[1].rejected_sha256(), Sha256Hex("after 7"));
  EXPECT_THAT(asked[1].reason(), HasSubstr("digest"));
  EXPECT_EQ(asked[2].rejected_sha256(), Sha256Hex(""));
  EXPECT_THAT(asked[3].reason(), HasSubstr("not of this run"));
}

TEST_F(ResumingAgentTest, BeginsAgainIfNoneIsLeft) {
  LeaseWithCheckpoint();
  script_.Measure(1);
  EXPECT_THAT(ReportsUpTo(1), ElementsAre(1));
}

}  // namespace
}  // namespace tpsweep::agent
