#include "tests/unit/coordinator/harness.h"

namespace tpsweep::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kRun[] = "s/trials/0/runs/0";
constexpr char kFirst[] = "studies/s/trials/0/runs/0/attempts/1";
constexpr char kSecond[] = "studies/s/trials/0/runs/0/attempts/2";

class CheckpointsTest : public CoordinatorTest {
 protected:
  CheckpointsTest() {
    v1::StudySpec spec = MakeSpec("s", 1);
    spec.mutable_checkpoints()->set_keep_best(0);
    Create(spec);
  }

  std::vector<std::string> Stored() {
    std::vector<std::string> digests;
    const auto all = checkpoints_.List();
    EXPECT_THAT(all, IsOk());
    for (const StoredCheckpoint& stored : *all) {
      digests.push_back(stored.name.sha256);
    }
    return digests;
  }

  FakeWorker a_{"a", "a1"};
  FakeWorker b_{"b", "b1"};
};

TEST_F(CheckpointsTest, AnotherWorkerGoesOnFromTheLast) {
  ASSERT_THAT(StartWorker(a_, 1), ElementsAre(kFirst));
  TP_ASSERT_OK(a_.Report(kFirst, {1, 2, 3}));
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 3, "three"), "three"));
  TP_ASSERT_OK(a_.Report(kFirst, {4}));
  Flush();
  EXPECT_EQ(a_.TakeAcks().back().durable_checkpoint(), 1);
  TP_ASSERT_OK(a_.Complete(kFirst, 4, v1::ATTEMPT_OUTCOME_PREEMPTED));
  Flush();

  TP_ASSERT_OK(b_.Connect(*coordinator_));
  TP_ASSERT_OK(b_.Offer(1));
  Flush();
  const std::vector<v1::Lease> leases = b_.TakeWholeLeases();
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].attempt(), kSecond);
  EXPECT_EQ(leases[0].checkpoint().epoch(), 3);
  EXPECT_EQ(leases[0].checkpoint_interval().seconds(), 60);
  EXPECT_THAT(Get(kSecond), IsOkAndHolds("three"));
  // As it was after measurement 3.
  EXPECT_EQ(Run(kRun).latest().sequence(), 3);

  TP_ASSERT_OK(b_.Report(kSecond, {4, 5}));
  TP_ASSERT_OK(b_.Complete(kSecond, 5));
  Flush();
  EXPECT_EQ(Run(kRun).state(), v1::RUN_STATE_SUCCEEDED);
  // Measurement 4 of the first attempt is void.
  std::vector<std::pair<std::string, int64_t>> counted;
  for (const v1::MeasurementRecord& record : Measurements("s", false)) {
    counted.emplace_back(record.attempt(), record.measurement().sequence());
  }
  EXPECT_THAT(counted, ElementsAre(std::pair(kFirst, 1), std::pair(kFirst, 2), std::pair(kFirst, 3),
                                   std::pair(kSecond, 4), std::pair(kSecond, 5)));
  EXPECT_THAT(Measurements("s", true), SizeIs(6));
}

TEST_F(CheckpointsTest, TheLastTwoAreKeptUntilTheRunEnds) {
  StartWorker(a_, 1);
  for (int i = 1; i <= 3; ++i) {
    const std::string bytes = absl::StrCat("state ", i);
    TP_ASSERT_OK(a_.Report(kFirst, {i}));
    TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(i, i, bytes), bytes));
    Flush();
  }
  EXPECT_THAT(Stored(), testing::UnorderedElementsAre(Sha256Hex("state 2"), Sha256Hex("state 3")));
  EXPECT_THAT(Run(kRun).checkpoints(), SizeIs(2));
  TP_ASSERT_OK(a_.Complete(kFirst, 3));
  EXPECT_THAT(Stored(), SizeIs(2)) << "not before it is durable that nobody needs them";
  Flush();
  EXPECT_THAT(Stored(), IsEmpty());
  EXPECT_THAT(Run(kRun).checkpoints(), IsEmpty());
}

TEST_F(CheckpointsTest, ARunThatFailedKeepsItsLast) {
  options_.max_failures = 1;
  Restart();
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 0, "begun"), "begun"));
  TP_ASSERT_OK(a_.Complete(kFirst, 0, v1::ATTEMPT_OUTCOME_FAILED, "no memory"));
  Flush();
  EXPECT_EQ(Run(kRun).state(), v1::RUN_STATE_FAILED);
  EXPECT_THAT(Stored(), ElementsAre(Sha256Hex("begun")));
  Restart();
  EXPECT_THAT(Stored(), ElementsAre(Sha256Hex("begun")));
  TP_ASSERT_OK(Delete("s"));
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(CheckpointsTest, AreRefusedWithoutALease) {
  EXPECT_THAT(coordinator_->PutCheckpoint(kFirst, MakeCheckpoint(1, 0, "x")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("not leased")));
  StartWorker(a_, 1);
  TP_ASSERT_OK_AND_ASSIGN(const auto upload,
                          coordinator_->PutCheckpoint(kFirst, MakeCheckpoint(1, 0, "x")));
  TP_ASSERT_OK(upload->Append("x"));
  TP_ASSERT_OK(a_.Complete(kFirst, 0, v1::ATTEMPT_OUTCOME_PREEMPTED));
  Flush();
  EXPECT_THAT(upload->Finish(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Stored(), IsEmpty());
  EXPECT_THAT(Get(kFirst), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CheckpointsTest, BytesMustBeThoseThatWereAnnounced) {
  StartWorker(a_, 1);
  const v1::Checkpoint checkpoint = MakeCheckpoint(1, 0, "right");
  EXPECT_THAT(a_.PutCheckpoint(kFirst, checkpoint, "wrong"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("digest")));
  EXPECT_THAT(a_.PutCheckpoint(kFirst, checkpoint, "rig"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("3 bytes instead of the 5")));
  EXPECT_THAT(a_.PutCheckpoint(kFirst, checkpoint, "right and more"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("more bytes")));
  EXPECT_THAT(Stored(), IsEmpty());
  v1::Checkpoint bad = checkpoint;
  bad.set_sha256("../../etc");
  EXPECT_THAT(a_.PutCheckpoint(kFirst, bad, "right"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("checkpoint.sha256")));
  bad = checkpoint;
  bad.set_bytes(0);
  EXPECT_THAT(a_.PutCheckpoint(kFirst, bad, ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("checkpoint.bytes")));
}

TEST_F(CheckpointsTest, ACheckpointWithoutItsBytesIsSentBack) {
  StartWorker(a_, 1);
  EXPECT_THAT(a_.ReportCheckpoint(kFirst, MakeCheckpoint(1, 0, "x")),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("bytes are not there")));
  // A restart forgets bytes that no record names.
  TP_ASSERT_OK(a_.PutCheckpoint(kFirst, MakeCheckpoint(1, 0, "x"), "x"));
  Restart();
  EXPECT_THAT(Stored(), IsEmpty());
  TP_ASSERT_OK(a_.Connect(*coordinator_, {kFirst}));
  EXPECT_THAT(a_.ReportCheckpoint(kFirst, MakeCheckpoint(1, 0, "x")),
              StatusIs(absl::StatusCode::kAborted));
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 0, "x"), "x"));
  Flush();
  EXPECT_THAT(Run(kRun).checkpoints(), SizeIs(1));
}

TEST_F(CheckpointsTest, SaidTwiceItCountsOnceAlsoAfterARestart) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 0, "x"), "x"));
  Flush();
  Restart();
  TP_ASSERT_OK(a_.Connect(*coordinator_, {kFirst}));
  EXPECT_EQ(a_.TakeAcks().at(0).durable_checkpoint(), 1);
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 0, "x"), "x"));
  Flush();
  EXPECT_EQ(a_.TakeAcks().at(0).durable_checkpoint(), 1);
  EXPECT_THAT(Run(kRun).checkpoints(), SizeIs(1));
}

TEST_F(CheckpointsTest, DamagedOnesAreDroppedForTheOneBefore) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.Report(kFirst, {1}));
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 1, "one"), "one"));
  TP_ASSERT_OK(a_.Report(kFirst, {2}));
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(2, 2, "two"), "two"));
  TP_ASSERT_OK(a_.Complete(kFirst, 2, v1::ATTEMPT_OUTCOME_PREEMPTED));
  Flush();
  // The disk garbles the last.
  const CheckpointName name{{"s", 0, 0}, Sha256Hex("two")};
  TP_ASSERT_OK_AND_ASSIGN(const auto garbled, checkpoints_.Put(name));
  TP_ASSERT_OK(garbled->Append("tww"));
  TP_ASSERT_OK(garbled->Finish());

  ASSERT_THAT(StartWorker(b_, 1), ElementsAre(kSecond));
  EXPECT_THAT(Get(kSecond), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Get(kSecond, Sha256Hex("two")), IsOkAndHolds("one"));
  Flush();
  EXPECT_THAT(EventTypes("s"), testing::Contains("run.checkpoint_rejected"));
  // What it measures again is known; then it goes on.
  TP_ASSERT_OK(b_.Report(kSecond, {2, 3}));
  Flush();
  EXPECT_EQ(b_.TakeAcks().back().durable_sequence(), 3);
  EXPECT_THAT(Measurements("s", false), SizeIs(3));
  EXPECT_THAT(Get(kSecond, Sha256Hex("one")), IsOkAndHolds("")) << "none is left";
  Flush();
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(CheckpointsTest, OneThatIsGoneIsDamaged) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 0, "x"), "x"));
  TP_ASSERT_OK(a_.Complete(kFirst, 0, v1::ATTEMPT_OUTCOME_PREEMPTED));
  Flush();
  TP_ASSERT_OK(checkpoints_.Remove({{"s", 0, 0}, Sha256Hex("x")}));
  ASSERT_THAT(StartWorker(b_, 1), ElementsAre(kSecond));
  EXPECT_THAT(Get(kSecond), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("gone")));
}

TEST_F(CheckpointsTest, TheQuotaGivesUpTheSparesFirst) {
  options_.checkpoint_quota = 10;
  Restart();
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 0, "1234"), "1234"));
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(2, 0, "5678"), "5678"));
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(3, 0, "9012"), "9012"));
  Flush();
  EXPECT_THAT(Stored(), testing::UnorderedElementsAre(Sha256Hex("5678"), Sha256Hex("9012")));
  EXPECT_THAT(a_.PutCheckpoint(kFirst, MakeCheckpoint(4, 0, "12345678901"), "12345678901"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("--checkpoint-quota")));
}

TEST_F(CheckpointsTest, BytesOfAnUploadThatWasNeverReportedGoWithTheAttempt) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.PutCheckpoint(kFirst, MakeCheckpoint(1, 0, "x"), "x"));
  EXPECT_THAT(Stored(), SizeIs(1));
  clock_.Advance(absl::Minutes(1));
  coordinator_->Tick();
  Flush();
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(CheckpointsTest, PausingHandsTheRunsBackAndResumingGoesOn) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(a_.Report(kFirst, {1}));
  Flush();
  TP_ASSERT_OK(Ask(&Coordinator::PauseStudy, "s"));
  EXPECT_EQ(a_.TakeAcks().back().directive(), v1::DIRECTIVE_PAUSE);
  // Lost on the way? A new stream says it again.
  a_.Disconnect();
  TP_ASSERT_OK(a_.Connect(*coordinator_, {kFirst}));
  EXPECT_EQ(a_.TakeAcks().back().directive(), v1::DIRECTIVE_PAUSE);
  TP_ASSERT_OK(a_.LeaveCheckpoint(kFirst, MakeCheckpoint(1, 1, "x"), "x"));
  TP_ASSERT_OK(a_.Complete(kFirst, 1, v1::ATTEMPT_OUTCOME_PAUSED));
  TP_ASSERT_OK(a_.Offer(1));
  Flush();
  EXPECT_EQ(Run(kRun).state(), v1::RUN_STATE_PAUSED);
  EXPECT_EQ(Study("s").runs().paused(), 1);
  EXPECT_EQ(Study("s").state(), v1::STUDY_STATE_PAUSED);
  Restart();
  TP_ASSERT_OK(Ask(&Coordinator::ResumeStudy, "s"));
  EXPECT_THAT(StartWorker(b_, 1), ElementsAre(kSecond));
  EXPECT_THAT(Get(kSecond), IsOkAndHolds("x"));
}

TEST_F(CheckpointsTest, ALeaseThatWasLostOnTheWayToAPausedStudyIsHandedBackToo) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(Ask(&Coordinator::PauseStudy, "s"));
  a_.Disconnect();
  TP_ASSERT_OK(a_.Connect(*coordinator_));  // it knows of nothing
  bool has_lease = false;
  for (const v1::ServerMessage& message : a_.link().Take()) {
    has_lease |= message.has_lease();
    if (message.has_ack()) {
      EXPECT_TRUE(has_lease);
      EXPECT_EQ(message.ack().directive(), v1::DIRECTIVE_PAUSE);
      return;
    }
  }
  FAIL() << "it would train on";
}

TEST_F(CheckpointsTest, ARunHandedBackAfterTheStudyWasResumedIsQueued) {
  StartWorker(a_, 1);
  TP_ASSERT_OK(Ask(&Coordinator::PauseStudy, "s"));
  TP_ASSERT_OK(Ask(&Coordinator::ResumeStudy, "s"));
  TP_ASSERT_OK(a_.Complete(kFirst, 0, v1::ATTEMPT_OUTCOME_PAUSED));
  Flush();
  EXPECT_EQ(Run(kRun).state(), v1::RUN_STATE_QUEUED);
  TP_ASSERT_OK(a_.Complete(kFirst, 0, v1::ATTEMPT_OUTCOME_PAUSED));
  Flush();
  EXPECT_TRUE(a_.TakeAcks().back().completed());
}

}  // namespace
}  // namespace tpsweep::server
