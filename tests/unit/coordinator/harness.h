// A coordinator in one process, with no thread of its own: the test moves the
// clock, decides when the writer writes, and plays the workers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/coordinator/coordinator.h"
#include "server/store/memory_checkpoints.h"
#include "server/store/memory_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/faulty_store.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::server {

// What the coordinator sent on one connection.
class FakeLink final : public WorkerLink {
 public:
  void Send(v1::ServerMessage message) override {
    MutexLock lock(mu_);
    messages_.push_back(std::move(message));
  }
  void Close(absl::Status why) override {
    MutexLock lock(mu_);
    closed_ = std::move(why);
  }

  // What has come since the last call.
  std::vector<v1::ServerMessage> Take() {
    MutexLock lock(mu_);
    return std::exchange(messages_, {});
  }
  std::optional<absl::Status> closed() const {
    MutexLock lock(mu_);
    return closed_;
  }

 private:
  mutable Mutex mu_;
  std::vector<v1::ServerMessage> messages_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> closed_ ABSL_GUARDED_BY(mu_);
};

// The value that a run "measures": the same for every attempt.
inline double ValueOf(const std::string& attempt, int64_t sequence) {
  const std::string run = attempt.substr(0, attempt.find("/attempts/"));
  double value = 0;
  for (const char c : run) value = value / 2 + static_cast<double>(c) / 100;
  return value / static_cast<double>(sequence);
}

inline v1::Measurement MakeMeasurement(const std::string& attempt, int64_t sequence) {
  v1::Measurement measurement;
  measurement.set_sequence(sequence);
  measurement.set_step(sequence * 10);
  measurement.set_epoch(sequence);
  (*measurement.mutable_scalars())["validation/error"] = ValueOf(attempt, sequence);
  return measurement;
}

// The `number`th checkpoint of an attempt, after measurement and epoch `sequence`.
inline v1::Checkpoint MakeCheckpoint(int64_t number, int64_t sequence, const std::string& bytes) {
  v1::Checkpoint checkpoint;
  checkpoint.set_number(number);
  checkpoint.set_epoch(sequence);
  checkpoint.set_sequence(sequence);
  checkpoint.set_bytes(static_cast<int64_t>(bytes.size()));
  checkpoint.set_sha256(Sha256Hex(bytes));
  return checkpoint;
}

// Plays one worker process.
class FakeWorker {
 public:
  FakeWorker(std::string id, std::string incarnation, std::vector<std::string> datasets = {"mnist"},
             int slots = 4)
      : id_(std::move(id)),
        incarnation_(std::move(incarnation)),
        datasets_(std::move(datasets)),
        slots_(slots) {}

  v1::Hello MakeHello(const std::vector<std::string>& held = {}) const {
    v1::Hello hello;
    hello.set_protocol_version(1);
    hello.set_worker_id(id_);
    hello.set_incarnation(incarnation_);
    hello.set_host("host");
    hello.set_slots(slots_);
    for (const std::string& dataset : datasets_) hello.add_datasets(dataset);
    for (const std::string& attempt : held) hello.add_held_attempts(attempt);
    return hello;
  }

  absl::Status Connect(Coordinator& coordinator, const std::vector<std::string>& held = {}) {
    auto link = std::make_shared<FakeLink>();
    absl::StatusOr<SessionId> session = coordinator.Connect(MakeHello(held), link);
    if (!session.ok()) return session.status();
    session_ = *session;
    link_ = std::move(link);
    coordinator_ = &coordinator;
    return absl::OkStatus();
  }
  void Disconnect() { coordinator_->Disconnect(session_); }

  absl::Status Offer(int count) {
    v1::WorkerMessage message;
    message.mutable_free_slots()->set_count(count);
    return coordinator_->Receive(session_, message);
  }
  absl::Status Heartbeat() {
    v1::WorkerMessage message;
    message.mutable_heartbeat();
    return coordinator_->Receive(session_, message);
  }
  absl::Status Report(const std::string& attempt, const std::vector<int64_t>& sequences) {
    v1::WorkerMessage message;
    for (const int64_t sequence : sequences) {
      *message.mutable_report()->add_measurements() = MakeMeasurement(attempt, sequence);
    }
    return Send(attempt, std::move(message));
  }
  // A measurement within an epoch: without scalars.
  absl::Status ReportStep(const std::string& attempt, int64_t sequence) {
    v1::WorkerMessage message;
    v1::Measurement& measurement = *message.mutable_report()->add_measurements();
    measurement = MakeMeasurement(attempt, sequence);
    measurement.clear_scalars();
    return Send(attempt, std::move(message));
  }
  absl::Status Complete(const std::string& attempt, int64_t last_sequence,
                        v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_COMPLETED,
                        const std::string& text = "") {
    return Say(MakeCompletion(attempt, last_sequence, outcome, text));
  }
  // The end of a completed attempt, with so many slots free after it.
  absl::Status CompleteAndOffer(const std::string& attempt, int64_t last_sequence, int free_slots) {
    v1::WorkerMessage message =
        MakeCompletion(attempt, last_sequence, v1::ATTEMPT_OUTCOME_COMPLETED, "");
    message.mutable_completion()->mutable_free_slots()->set_count(free_slots);
    return Say(message);
  }

  absl::Status Say(const v1::WorkerMessage& message) {
    return coordinator_->Receive(session_, message);
  }

  // Puts the bytes of a checkpoint, and says that it is there.
  absl::Status PutCheckpoint(const std::string& attempt, const v1::Checkpoint& checkpoint,
                             const std::string& bytes) {
    absl::StatusOr<std::unique_ptr<CheckpointUpload>> upload =
        coordinator_->PutCheckpoint(attempt, checkpoint);
    TP_RETURN_IF_ERROR(upload.status());
    TP_RETURN_IF_ERROR((*upload)->Append(bytes));
    return (*upload)->Finish();
  }
  absl::Status ReportCheckpoint(const std::string& attempt, const v1::Checkpoint& checkpoint) {
    v1::WorkerMessage message;
    *message.mutable_report()->mutable_checkpoint() = checkpoint;
    return Send(attempt, std::move(message));
  }
  absl::Status LeaveCheckpoint(const std::string& attempt, const v1::Checkpoint& checkpoint,
                               const std::string& bytes) {
    TP_RETURN_IF_ERROR(PutCheckpoint(attempt, checkpoint, bytes));
    return ReportCheckpoint(attempt, checkpoint);
  }

  // Messages of one kind that have come since the last call; the others of
  // that time are dropped.
  std::vector<std::string> TakeLeases() {
    std::vector<std::string> attempts;
    for (const v1::ServerMessage& message : link_->Take()) {
      if (message.has_lease()) attempts.push_back(message.lease().attempt());
    }
    return attempts;
  }
  std::vector<v1::Lease> TakeWholeLeases() {
    std::vector<v1::Lease> leases;
    for (const v1::ServerMessage& message : link_->Take()) {
      if (message.has_lease()) leases.push_back(message.lease());
    }
    return leases;
  }
  std::vector<v1::Ack> TakeAcks() {
    std::vector<v1::Ack> acks;
    for (const v1::ServerMessage& message : link_->Take()) {
      if (message.has_ack()) acks.push_back(message.ack());
    }
    return acks;
  }
  FakeLink& link() { return *link_; }

 private:
  static v1::WorkerMessage MakeCompletion(const std::string& attempt, int64_t last_sequence,
                                          v1::AttemptOutcome outcome, const std::string& text) {
    v1::WorkerMessage message;
    v1::Completion& completion = *message.mutable_completion();
    completion.set_attempt(attempt);
    completion.set_outcome(outcome);
    completion.set_message(text);
    completion.set_last_sequence(last_sequence);
    return message;
  }
  absl::Status Send(const std::string& attempt, v1::WorkerMessage message) {
    message.mutable_report()->set_attempt(attempt);
    return coordinator_->Receive(session_, message);
  }

  const std::string id_;
  const std::string incarnation_;
  const std::vector<std::string> datasets_;
  const int slots_;
  Coordinator* coordinator_ = nullptr;
  SessionId session_ = 0;
  std::shared_ptr<FakeLink> link_;
};

// A legal spec: random search over one learning rate.
inline v1::StudySpec MakeSpec(const std::string& study, int64_t trials, int replicates = 1) {
  v1::StudySpec spec;
  spec.set_study(study);
  spec.mutable_training()->mutable_dataset()->set_name("mnist");
  spec.mutable_training()->mutable_bp();
  v1::Parameter& parameter = *spec.add_space();
  parameter.set_path("training.forward.lr");
  parameter.mutable_log()->set_low(1e-5);
  parameter.mutable_log()->set_high(1e-2);
  spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(trials);
  spec.mutable_search()->set_replicates(replicates);
  return spec;
}

class CoordinatorTest : public testing::Test {
 protected:
  CoordinatorTest() {
    SetLogSink([](LogLevel, absl::string_view) {});
    Restart();
  }
  ~CoordinatorTest() override {
    coordinator_ = nullptr;
    SetLogSink({});
  }

  // As after a crash: what was not durable is gone.
  void Restart() {
    coordinator_ = nullptr;
    lost_writer_ = std::move(writer_);
    writer_ = std::make_unique<StoreWriter>(StoreWriterOptions(), store_, clock_);
    CoordinatorOptions options = options_;
    options.lease_ttl = absl::Seconds(30);
    absl::StatusOr<std::unique_ptr<Coordinator>> opened =
        Coordinator::Open(options, store_, checkpoints_, *writer_, clock_);
    ASSERT_THAT(opened, IsOk());
    coordinator_ = *std::move(opened);
  }
  void Flush() { TP_ASSERT_OK(writer_->Flush()); }

  // Creates a study and makes it durable.
  void Create(const v1::StudySpec& spec) {
    v1::CreateStudyRequest request;
    *request.mutable_spec() = spec;
    absl::Status answer = absl::UnknownError("no answer");
    coordinator_->CreateStudy(request,
                              [&](absl::StatusOr<v1::Study> study) { answer = study.status(); });
    (void)writer_->Flush();
    TP_ASSERT_OK(answer);
  }
  // The answer of a change, made durable.
  using Change = void (Coordinator::*)(absl::string_view, Coordinator::StudyAnswer);
  absl::StatusOr<v1::Study> Ask(Change change, const std::string& study) {
    absl::StatusOr<v1::Study> answer = absl::UnknownError("no answer");
    ((*coordinator_).*change)(
        "studies/" + study, [&](absl::StatusOr<v1::Study> result) { answer = std::move(result); });
    (void)writer_->Flush();
    return answer;
  }
  absl::Status Delete(const std::string& study) {
    absl::Status answer = absl::UnknownError("no answer");
    coordinator_->DeleteStudy("studies/" + study,
                              [&](absl::Status result) { answer = std::move(result); });
    (void)writer_->Flush();
    return answer;
  }

  v1::Study Study(const std::string& name) { return store_.GetStudy("studies/" + name).value(); }
  v1::Run Run(const std::string& name) { return store_.GetRun("studies/" + name).value(); }
  std::vector<v1::Trial> Trials(const std::string& study) {
    return store_.ListTrials({"studies/" + study, {}}, {1000, ""}).value().items;
  }
  std::vector<v1::Run> Runs(const std::string& study) {
    return store_.ListRuns({"studies/" + study, {}}, {1000, ""}).value().items;
  }
  std::vector<v1::MeasurementRecord> Measurements(const std::string& parent, bool all = true) {
    return store_.ListMeasurements({"studies/" + parent, all}, {1000, ""}).value().items;
  }
  std::vector<std::string> EventTypes(const std::string& study) {
    std::vector<std::string> types;
    const std::vector<v1::Event> events = store_.ListEvents("studies/" + study, 0, 10000).value();
    for (const v1::Event& event : events) {
      types.push_back(event.type());
    }
    return types;
  }

  // Connects, offers the slots, and takes what is granted.
  std::vector<std::string> StartWorker(FakeWorker& worker, int free_slots) {
    TP_EXPECT_OK(worker.Connect(*coordinator_));
    TP_EXPECT_OK(worker.Offer(free_slots));
    TP_EXPECT_OK(writer_->Flush());
    return worker.TakeLeases();
  }
  // Two measurements and the end, durable.
  void Train(FakeWorker& worker, const std::string& attempt) {
    TP_EXPECT_OK(worker.Report(attempt, {1, 2}));
    TP_EXPECT_OK(worker.Complete(attempt, 2));
    TP_EXPECT_OK(writer_->Flush());
  }

  // All bytes that an attempt is given to go on from.
  absl::StatusOr<std::string> Get(const std::string& attempt, const std::string& rejected = "") {
    v1::GetCheckpointRequest request;
    request.set_attempt(attempt);
    request.set_rejected_sha256(rejected);
    request.set_reason("it is gone");
    absl::StatusOr<std::unique_ptr<CheckpointDownload>> download =
        coordinator_->GetCheckpoint(request);
    if (!download.ok()) return download.status();
    std::string bytes;
    for (;;) {
      absl::StatusOr<std::string> part = (*download)->Next();
      if (!part.ok()) return part.status();
      if (part->empty()) return bytes;
      bytes += *part;
    }
  }

  CoordinatorOptions options_;
  MemoryStore memory_;
  FaultyStore store_{memory_};
  MemoryCheckpoints checkpoints_;
  FakeClock clock_;
  std::unique_ptr<StoreWriter> lost_writer_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<Coordinator> coordinator_;
};

}  // namespace tpsweep::server
