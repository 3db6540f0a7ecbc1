// An agent whose server is the test.
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/checkpoint_shelf.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/agent/scripted_run.h"
#include "worker/agent/agent.h"

namespace tpsweep::agent {

inline constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";
inline constexpr char kSecond[] = "studies/s/trials/1/runs/0/attempts/1";

inline AgentOptions Options(int slots) {
  AgentOptions options;
  options.worker_id = "w";
  options.incarnation = "4f2a";
  options.host = "here";
  options.version = "0.1.0";
  options.slots = slots;
  options.spool_after = absl::ZeroDuration();
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

}  // namespace tpsweep::agent
