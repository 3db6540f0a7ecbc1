#include <gmock/gmock.h>

#include <new>
#include <stdexcept>
#include <vector>

#include "tests/unit/agent/agent_fixture.h"

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

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
  NextCompletion();
  EXPECT_EQ(NextCompletion().free_slots().count(), 2);
  EXPECT_THAT(SaidUntilHeartbeat(), IsEmpty());
}

// Over before the sender looked: as many slots are free as before, but the
// server does not know.
TEST_F(AgentTest, AQuickRunGivesItsSlotBack) {
  Start(1);
  Connect();
  EXPECT_EQ(agent_->Next()->free_slots().count(), 1);
  script_.Finish();
  Lease(kFirst);
  EXPECT_EQ(NextCompletion().free_slots().count(), 1);
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

TEST_F(AgentTest, KnowsForHowLongItHasHadNoWork) {
  Start();
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(agent_->IdleTime(), absl::Seconds(5));
  Connect();
  Lease(kFirst);
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(agent_->IdleTime(), absl::ZeroDuration());
  script_.Finish();
  NextCompletion();
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(agent_->IdleTime(), absl::ZeroDuration()) << "the server may not have heard of it";
  Ack(kFirst, 0, true);
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(agent_->IdleTime(), absl::Seconds(5));
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

}  // namespace
}  // namespace tpsweep::agent
