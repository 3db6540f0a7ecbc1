// The agent with the real trainer, on small synthetic data.
#include <gmock/gmock.h>

#include <map>
#include <vector>

#include "common/clock.h"
#include "tests/fakes/checkpoint_shelf.h"
#include "tests/fakes/synthetic_idx.h"
#include "tests/fakes/training_specs.h"
#include "worker/agent/agent.h"

namespace tpsweep::agent {
namespace {

using testing::HasSubstr;

class AgentTrainingTest : public testing::Test {
 protected:
  AgentTrainingTest() {
    WriteSyntheticIdx(folder_.File("toy"));
    AgentOptions options;
    options.worker_id = "w";
    options.slots = 2;
    agent_ = std::make_unique<Agent>(options, data_, Clock::Real(), &trainer::TrainingRun::Create);
    hello_ = agent_->Connect().hello();
    v1::ServerMessage message;
    message.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(60);
    agent_->Receive(message);
    shelf_ = std::make_unique<CheckpointShelf>(*agent_);
  }
  ~AgentTrainingTest() override { agent_->Disconnect(); }

  void Lease(const std::string& attempt, const v1::TrainingSpec& spec) {
    v1::ServerMessage message;
    message.mutable_lease()->set_attempt(attempt);
    *message.mutable_lease()->mutable_training() = spec;
    agent_->Receive(message);
  }
  // Listens until `count` attempts have ended.
  void ListenUntilEnded(size_t count) {
    while (completions_.size() < count) {
      const std::optional<v1::WorkerMessage> message = agent_->Next();
      ASSERT_TRUE(message.has_value());
      if (message->has_completion()) {
        completions_[message->completion().attempt()] = message->completion();
      }
      for (const v1::Measurement& m : message->report().measurements()) {
        measurements_[message->report().attempt()].push_back(m);
      }
    }
  }
  // Training loss of each epoch.
  std::vector<double> Losses(const std::string& attempt) {
    std::vector<double> losses;
    for (const v1::Measurement& m : measurements_[attempt]) {
      losses.push_back(m.scalars().at("train/loss"));
    }
    return losses;
  }

  TempFolder folder_;
  trainer::DataSetCache data_{{folder_.path()}};
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<CheckpointShelf> shelf_;
  v1::Hello hello_;
  std::map<std::string, v1::Completion> completions_;
  std::map<std::string, std::vector<v1::Measurement>> measurements_;
};

TEST_F(AgentTrainingTest, TellsWhichDataItHas) {
  EXPECT_THAT(hello_.datasets(), testing::ElementsAre("linear-regression", "nonlinear-regression",
                                                      "student-teacher", "toy"));
}

TEST_F(AgentTrainingTest, TrainsSideBySideWithTheSameResult) {
  Lease("a/attempts/1", SmallSpec("dtp"));
  Lease("b/attempts/1", SmallSpec("dtp"));
  ListenUntilEnded(2);
  for (const char* attempt : {"a/attempts/1", "b/attempts/1"}) {
    EXPECT_EQ(completions_[attempt].outcome(), v1::ATTEMPT_OUTCOME_COMPLETED)
        << completions_[attempt].message();
    EXPECT_EQ(completions_[attempt].last_sequence(), 3);
  }
  EXPECT_EQ(Losses("a/attempts/1").size(), 3u);
  EXPECT_EQ(Losses("a/attempts/1"), Losses("b/attempts/1"));
}

TEST_F(AgentTrainingTest, ARunHasTheSlotsThatNoOtherNeedsAsThreads) {
  v1::TrainingSpec spec = SmallSpec("dtp");
  spec.set_threads_per_run(0);
  Lease("alone/attempts/1", spec);
  ListenUntilEnded(1);
  EXPECT_GE(completions_["alone/attempts/1"].mean_threads(), 1);
  EXPECT_LE(completions_["alone/attempts/1"].mean_threads(), 2);
  spec.set_threads_per_run(3);
  Lease("fixed/attempts/1", spec);
  ListenUntilEnded(2);
  EXPECT_EQ(completions_["fixed/attempts/1"].mean_threads(), 3);
  EXPECT_EQ(Losses("fixed/attempts/1"), Losses("alone/attempts/1"));
}

TEST_F(AgentTrainingTest, ARunThatDivergesIsInfeasible) {
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.mutable_network()->set_activation(v1::ACTIVATION_LINEAR);
  spec.mutable_forward()->set_lr(0, 1000);
  spec.mutable_forward()->mutable_sgd()->set_momentum(0.9);
  spec.set_epochs(200);
  Lease("a/attempts/1", spec);
  ListenUntilEnded(1);
  EXPECT_EQ(completions_["a/attempts/1"].outcome(), v1::ATTEMPT_OUTCOME_INFEASIBLE);
  EXPECT_THAT(completions_["a/attempts/1"].message(), HasSubstr("step"));
}

TEST_F(AgentTrainingTest, DataThatIsNotThereFailsTheRun) {
  Lease("a/attempts/1", SmallSpec("bp", "absent"));
  ListenUntilEnded(1);
  EXPECT_EQ(completions_["a/attempts/1"].outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_THAT(completions_["a/attempts/1"].message(), HasSubstr("absent"));
}

TEST_F(AgentTrainingTest, ARealRunEndsAtItsNextMiniBatch) {
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.set_epochs(1'000'000);
  Lease("a/attempts/1", spec);
  while (!agent_->Next()->has_report()) {
  }
  agent_->Drain();
  ListenUntilEnded(1);
  EXPECT_EQ(completions_["a/attempts/1"].outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_GT(completions_["a/attempts/1"].last_sequence(), 0);
}

TEST_F(AgentTrainingTest, AnotherWorkerGoesOnToTheSameBits) {
  v1::TrainingSpec spec = SmallSpec("dtp");
  spec.set_epochs(2000);  // more than it can do before it hears of the pause
  Lease("whole/attempts/1", spec);
  ListenUntilEnded(1);
  Lease("a/attempts/1", spec);
  while (measurements_["a/attempts/1"].size() < 3) {
    const std::optional<v1::WorkerMessage> message = agent_->Next();
    ASSERT_TRUE(message.has_value());
    for (const v1::Measurement& m : message->report().measurements()) {
      measurements_["a/attempts/1"].push_back(m);
    }
  }
  v1::ServerMessage pause;
  pause.mutable_ack()->set_attempt("a/attempts/1");
  pause.mutable_ack()->set_directive(v1::DIRECTIVE_PAUSE);
  agent_->Receive(pause);
  ListenUntilEnded(2);
  ASSERT_EQ(completions_["a/attempts/1"].outcome(), v1::ATTEMPT_OUTCOME_PAUSED);
  ASSERT_EQ(shelf_->uploads().size(), 1u);
  const Agent::Upload upload = shelf_->uploads()[0];
  shelf_->Give("a/attempts/2", {absl::OkStatus(), upload.about, *upload.bytes});

  v1::ServerMessage lease;
  lease.mutable_lease()->set_attempt("a/attempts/2");
  *lease.mutable_lease()->mutable_training() = spec;
  *lease.mutable_lease()->mutable_checkpoint() = upload.about;
  agent_->Receive(lease);
  ListenUntilEnded(3);
  EXPECT_EQ(completions_["a/attempts/2"].outcome(), v1::ATTEMPT_OUTCOME_COMPLETED);
  std::vector<double> losses = Losses("a/attempts/1");
  EXPECT_EQ(losses.size(), static_cast<size_t>(upload.about.sequence()));
  for (const double loss : Losses("a/attempts/2")) losses.push_back(loss);
  EXPECT_EQ(losses, Losses("whole/attempts/1"));
}

}  // namespace
}  // namespace tpsweep::agent
