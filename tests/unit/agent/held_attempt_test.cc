#include "worker/agent/held_attempt.h"

#include <gmock/gmock.h>

#include <vector>

namespace tpsweep::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Measurement MakeMeasurement(int64_t sequence, int num_values = 1) {
  v1::Measurement measurement;
  measurement.set_sequence(sequence);
  for (int i = 0; i < num_values; ++i) {
    (*measurement.mutable_vectors())["layer/update_norm"].add_values(0.25);
  }
  return measurement;
}

HeldAttempt MakeAttempt() {
  v1::Lease lease;
  lease.set_attempt("studies/s/trials/0/runs/0/attempts/1");
  return HeldAttempt(lease);
}

v1::Ack Durable(int64_t sequence, int64_t checkpoint = 0) {
  v1::Ack ack;
  ack.set_durable_sequence(sequence);
  ack.set_durable_checkpoint(checkpoint);
  return ack;
}

std::vector<int64_t> SequencesOf(const v1::Report& report) {
  std::vector<int64_t> sequences;
  for (const v1::Measurement& m : report.measurements()) sequences.push_back(m.sequence());
  return sequences;
}

// Sequences of all that is to be said now; 0 stands for the completion, -2 for
// checkpoint 2.
std::vector<int64_t> Said(HeldAttempt& attempt) {
  std::vector<int64_t> said;
  while (const std::optional<v1::WorkerMessage> message = attempt.NextMessage()) {
    if (message->has_completion()) said.push_back(0);
    if (message->report().has_checkpoint()) {
      said.push_back(-message->report().checkpoint().number());
    }
    for (const int64_t sequence : SequencesOf(message->report())) said.push_back(sequence);
  }
  return said;
}

TEST(HeldAttemptTest, SaysEachMeasurementOnceAndThenTheCompletion) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(MakeMeasurement(1));
  attempt.Add(MakeMeasurement(2));
  EXPECT_THAT(Said(attempt), ElementsAre(1, 2));
  attempt.Add(MakeMeasurement(3));
  attempt.Complete(v1::ATTEMPT_OUTCOME_COMPLETED, "");
  EXPECT_THAT(Said(attempt), ElementsAre(3, 0));
  EXPECT_THAT(Said(attempt), IsEmpty());
}

TEST(HeldAttemptTest, AcknowledgedMeasurementsLeaveTheMemory) {
  HeldAttempt attempt = MakeAttempt();
  for (int i = 1; i <= 4; ++i) attempt.Add(MakeMeasurement(i, 100));
  EXPECT_GT(attempt.backlog().bytes(), 3200);
  EXPECT_THAT(Said(attempt), ElementsAre(1, 2, 3, 4));
  attempt.Acknowledge(Durable(3));
  EXPECT_EQ(attempt.backlog().size(), 1);
  attempt.Add(MakeMeasurement(5));
  EXPECT_THAT(Said(attempt), ElementsAre(5));
  attempt.Acknowledge(Durable(2));  // late, and nothing new
  EXPECT_EQ(attempt.backlog().size(), 2);
  attempt.Acknowledge(Durable(99));
  EXPECT_EQ(attempt.backlog().size(), 0);
  EXPECT_EQ(attempt.backlog().bytes(), 0);
}

TEST(HeldAttemptTest, OnANewStreamWaitsForTheServerAndSaysAllAgain) {
  HeldAttempt attempt = MakeAttempt();
  for (int i = 1; i <= 3; ++i) attempt.Add(MakeMeasurement(i));
  attempt.Complete(v1::ATTEMPT_OUTCOME_COMPLETED, "");
  EXPECT_THAT(Said(attempt), ElementsAre(1, 2, 3, 0));
  attempt.Reconnect();
  EXPECT_THAT(Said(attempt), IsEmpty());
  attempt.Acknowledge(Durable(1));
  EXPECT_THAT(Said(attempt), ElementsAre(2, 3, 0));
}

std::shared_ptr<const std::string> Bytes(const char* text) {
  return std::make_shared<const std::string>(text);
}

TEST(HeldAttemptTest, ACheckpointIsSaidInItsPlaceOnceItsBytesAreThere) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(MakeMeasurement(1));
  attempt.Add(v1::Checkpoint(), Bytes("state"));
  attempt.Add(MakeMeasurement(2));
  attempt.Complete(v1::ATTEMPT_OUTCOME_COMPLETED, "");
  EXPECT_THAT(Said(attempt), ElementsAre(1));
  const std::optional<HeldAttempt::Upload> upload = attempt.NextUpload();
  ASSERT_TRUE(upload.has_value());
  EXPECT_EQ(upload->about.number(), 1);
  EXPECT_EQ(upload->about.sequence(), 1);
  EXPECT_EQ(*upload->bytes, "state");
  EXPECT_FALSE(attempt.NextUpload().has_value()) << "it is on its way";
  EXPECT_THAT(Said(attempt), IsEmpty());
  attempt.UploadEnded(1, true);
  EXPECT_THAT(Said(attempt), ElementsAre(-1, 2, 0));
}

TEST(HeldAttemptTest, ACheckpointThatCannotBePutIsLeftOut) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(v1::Checkpoint(), Bytes("state"));
  attempt.Add(MakeMeasurement(1));
  ASSERT_TRUE(attempt.NextUpload().has_value());
  attempt.UploadEnded(1, false);
  EXPECT_THAT(Said(attempt), ElementsAre(1));
}

TEST(HeldAttemptTest, ANewerCheckpointTakesThePlaceOfOneThatWaits) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(v1::Checkpoint(), Bytes("old"));
  ASSERT_TRUE(attempt.NextUpload().has_value());
  attempt.Add(MakeMeasurement(1));
  attempt.Add(v1::Checkpoint(), Bytes("new"));
  attempt.UploadEnded(1, true);  // of the old one: too late
  EXPECT_THAT(Said(attempt), ElementsAre(1));
  const std::optional<HeldAttempt::Upload> upload = attempt.NextUpload();
  ASSERT_TRUE(upload.has_value());
  EXPECT_EQ(*upload->bytes, "new");
  attempt.UploadEnded(upload->about.number(), true);
  EXPECT_THAT(Said(attempt), ElementsAre(-2));
}

TEST(HeldAttemptTest, OnANewStreamACheckpointIsPutAgainUnlessItIsDurable) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(v1::Checkpoint(), Bytes("state"));
  ASSERT_TRUE(attempt.NextUpload().has_value());
  attempt.UploadEnded(1, true);
  EXPECT_THAT(Said(attempt), ElementsAre(-1));
  attempt.Reconnect();
  EXPECT_FALSE(attempt.NextUpload().has_value()) << "before the server knows the attempt";
  attempt.Acknowledge(Durable(0));
  EXPECT_TRUE(attempt.NextUpload().has_value());
  attempt.Reconnect();
  attempt.Acknowledge(Durable(0, 1));
  EXPECT_FALSE(attempt.NextUpload().has_value());
  attempt.Add(MakeMeasurement(1));
  EXPECT_THAT(Said(attempt), ElementsAre(1));
}

TEST(HeldAttemptTest, WhatTheServerWantsCountsMoreThanThatTheWorkerStops) {
  HeldAttempt attempt = MakeAttempt();
  EXPECT_FALSE(attempt.stop_requested());
  attempt.RequestStop(HeldAttempt::Why::kCancelled);
  attempt.RequestStop(HeldAttempt::Why::kWorkerStops);
  EXPECT_TRUE(attempt.stop_requested());
  EXPECT_EQ(attempt.why_stopped(), HeldAttempt::Why::kCancelled);
  attempt.RequestStop(HeldAttempt::Why::kAbandoned);
  EXPECT_EQ(attempt.why_stopped(), HeldAttempt::Why::kAbandoned);
}

TEST(HeldAttemptTest, TheCompletionNamesTheLastSequenceEvenWhenItIsAcknowledged) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(MakeMeasurement(1));
  attempt.Add(MakeMeasurement(2));
  attempt.Acknowledge(Durable(2));
  attempt.Complete(v1::ATTEMPT_OUTCOME_INFEASIBLE, "layer 2 is not finite");
  const std::optional<v1::WorkerMessage> message = attempt.NextMessage();
  ASSERT_TRUE(message && message->has_completion());
  EXPECT_EQ(message->completion().last_sequence(), 2);
  EXPECT_EQ(message->completion().outcome(), v1::ATTEMPT_OUTCOME_INFEASIBLE);
  EXPECT_EQ(message->completion().message(), "layer 2 is not finite");
  EXPECT_EQ(message->completion().attempt(), "studies/s/trials/0/runs/0/attempts/1");
}

TEST(HeldAttemptTest, MessagesThatAreNotTextAreEscaped) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Acknowledge(Durable(0));
  attempt.Complete(v1::ATTEMPT_OUTCOME_FAILED, "/data/\xff\xfe: cut short");
  const std::optional<v1::WorkerMessage> message = attempt.NextMessage();
  ASSERT_TRUE(message && message->has_completion());
  EXPECT_EQ(message->completion().message(), "/data/\\xff\\xfe: cut short");
}

TEST(HeldAttemptTest, LargeReportsAreCutBelowTheLimitOfAMessage) {
  HeldAttempt attempt = MakeAttempt();
  for (int i = 1; i <= 50; ++i) attempt.Add(MakeMeasurement(i, 20'000));  // 160 kB each
  int num_reports = 0;
  while (const std::optional<v1::WorkerMessage> message = attempt.NextMessage()) {
    ++num_reports;
    EXPECT_LT(message->ByteSizeLong(), 4u << 20);
  }
  EXPECT_GT(num_reports, 3);
  EXPECT_LT(num_reports, 20);
}

}  // namespace
}  // namespace tpsweep::agent
