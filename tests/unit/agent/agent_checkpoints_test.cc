// How an agent leaves checkpoints, and goes on from them.
#include <gmock/gmock.h>

#include <vector>

#include "common/sha256.h"
#include "tests/unit/agent/agent_fixture.h"

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

class FinalStateTest : public AgentTest {
 protected:
  void Train(absl::Duration time, bool keep_final) {
    Start();
    Connect();
    v1::ServerMessage message;
    message.mutable_lease()->set_attempt(kFirst);
    message.mutable_lease()->set_keep_final(keep_final);
    agent_->Receive(message);
    script_.Measure(1);
    ReportsUpTo(1);
    clock_.Advance(time);
    script_.Finish();
  }
  // The next message of the attempt is of its end: no checkpoint came before it.
  void ExpectNone() {
    std::optional<v1::WorkerMessage> message;
    do {
      message = agent_->Next();
      ASSERT_TRUE(message.has_value());
    } while (message->has_heartbeat() || message->has_free_slots());
    EXPECT_EQ(message->completion().outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  }
};

TEST_F(FinalStateTest, IsNotLeftWhereItIsNotWanted) {
  Train(absl::Seconds(60), false);
  ExpectNone();
}

TEST_F(FinalStateTest, IsNotLeftWhereItIsTrainedAgainInAMoment) {
  Train(absl::Milliseconds(990), true);
  ExpectNone();
}

TEST_F(FinalStateTest, IsLeftIfThatIsWanted) {
  Train(absl::Seconds(1), true);
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
  result.checkpoint->set_attempt(1);
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

TEST_F(ResumingAgentTest, InheritsTheStateOfAnotherTrial) {
  Agent::Downloaded parents = Checkpoint(5, "inherited after 5");
  parents.checkpoint->set_attempt(0);
  shelf_->Give(kSecond, parents);
  LeaseWithCheckpoint();
  script_.Measure(1);
  EXPECT_THAT(ReportsUpTo(6), ElementsAre(6));
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
