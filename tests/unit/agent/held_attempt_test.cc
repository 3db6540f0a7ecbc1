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

std::vector<int64_t> SequencesOf(const v1::Report& report) {
  std::vector<int64_t> sequences;
  for (const v1::Measurement& m : report.measurements()) sequences.push_back(m.sequence());
  return sequences;
}

// Sequences of all that is to be said now; 0 stands for the completion.
std::vector<int64_t> Said(HeldAttempt& attempt) {
  std::vector<int64_t> said;
  while (const std::optional<v1::WorkerMessage> message = attempt.NextMessage()) {
    if (message->has_completion()) said.push_back(0);
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
  EXPECT_GT(attempt.buffered_bytes(), 3200);
  EXPECT_THAT(Said(attempt), ElementsAre(1, 2, 3, 4));
  attempt.Acknowledge(3);
  EXPECT_EQ(attempt.num_unacknowledged(), 1);
  attempt.Add(MakeMeasurement(5));
  EXPECT_THAT(Said(attempt), ElementsAre(5));
  attempt.Acknowledge(2);  // late, and nothing new
  EXPECT_EQ(attempt.num_unacknowledged(), 2);
  attempt.Acknowledge(99);
  EXPECT_EQ(attempt.num_unacknowledged(), 0);
  EXPECT_EQ(attempt.buffered_bytes(), 0);
}

TEST(HeldAttemptTest, OnANewStreamWaitsForTheServerAndSaysAllAgain) {
  HeldAttempt attempt = MakeAttempt();
  for (int i = 1; i <= 3; ++i) attempt.Add(MakeMeasurement(i));
  attempt.Complete(v1::ATTEMPT_OUTCOME_COMPLETED, "");
  EXPECT_THAT(Said(attempt), ElementsAre(1, 2, 3, 0));
  attempt.Reconnect();
  EXPECT_THAT(Said(attempt), IsEmpty());
  attempt.Acknowledge(1);
  EXPECT_THAT(Said(attempt), ElementsAre(2, 3, 0));
}

TEST(HeldAttemptTest, TheCompletionNamesTheLastSequenceEvenWhenItIsAcknowledged) {
  HeldAttempt attempt = MakeAttempt();
  attempt.Add(MakeMeasurement(1));
  attempt.Add(MakeMeasurement(2));
  attempt.Acknowledge(2);
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
  attempt.Acknowledge(0);
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
