// Who leads, who may, and that whoever does not writes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "common/sha256.h"
#include "server/store/postgres_checkpoints.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/store/postgres_harness.h"

namespace tpsweep::server {
namespace {

using ::testing::HasSubstr;

const auto kNotTheLeader =
    StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not the leader any more"));

class LeadershipTest : public testing::Test {
 protected:
  // As short as they come: expires at once unless it is renewed.
  LeadershipOptions Options(const std::string& address = "a:1") const {
    return {.uri = uri_,
            .address = address,
            .renew_every = absl::Milliseconds(50),
            .expires_after = absl::Seconds(1)};
  }
  // Leads, and then does not get to renew: a process that is stopped.
  LeadershipOptions Frozen() const {
    LeadershipOptions options = Options("frozen:1");
    options.renew_every = absl::Hours(1);
    return options;
  }
  std::string Ask(const std::string& sql) const { return PostgresServer::Query(uri_, sql); }

  // Takes over as soon as it may.
  static void TakeOver(Leadership& leadership) {
    ASSERT_TRUE(WaitUntil([&] { return leadership.Take().value_or(false); }));
  }

  const std::string uri_ = PostgresServer::Shared().NewDatabase();
};

TEST_F(LeadershipTest, OneLeadsAndTheOtherKnowsWhere) {
  Leadership first(Options("first:1"), Clock::Real());
  EXPECT_FALSE(first.Leads());
  EXPECT_THAT(first.Take(), IsOkAndHolds(true));
  EXPECT_TRUE(first.Leads());
  EXPECT_EQ(first.epoch(), 1);
  Leadership second(Options("second:1"), Clock::Real());
  EXPECT_THAT(second.Take(), IsOkAndHolds(false));
  EXPECT_FALSE(second.Leads());
  EXPECT_EQ(second.leader_address(), "first:1");
}

TEST_F(LeadershipTest, OfManyAtOnceOneLeads) {
  std::vector<std::unique_ptr<Leadership>> all(8);
  for (auto& one : all) {
    one =
        std::make_unique<Leadership>(Options(absl::StrCat("c:", &one - all.data())), Clock::Real());
  }
  std::vector<std::thread> threads;
  threads.reserve(all.size());
  for (const auto& one : all) threads.emplace_back([&one] { TP_EXPECT_OK(one->Take()); });
  for (std::thread& thread : threads) thread.join();
  int leading = 0;
  for (const auto& one : all) leading += one->Leads() ? 1 : 0;
  EXPECT_EQ(leading, 1);
  EXPECT_EQ(Ask("SELECT epoch FROM tpsweep.lease"), "1");
}

TEST_F(LeadershipTest, WhoRenewsStays) {
  Leadership first(Options(), Clock::Real());
  ASSERT_THAT(first.Take(), IsOkAndHolds(true));
  Leadership second(Options(), Clock::Real());
  // For longer than the lease would last.
  const std::string start = Ask("SELECT extract(epoch FROM renewed_at) + 2 FROM tpsweep.lease");
  ASSERT_TRUE(WaitUntil([&] {
    EXPECT_THAT(second.Take(), IsOkAndHolds(false));
    return Ask(absl::StrCat("SELECT extract(epoch FROM renewed_at) > ", start,
                            " FROM tpsweep.lease")) == "t";
  }));
  EXPECT_TRUE(first.Leads());
}

TEST_F(LeadershipTest, WhoStopsInOrderIsFollowedAtOnce) {
  LeadershipOptions for_ever = Options();
  for_ever.expires_after = absl::Hours(1);
  auto first = std::make_unique<Leadership>(for_ever, Clock::Real());
  ASSERT_THAT(first->Take(), IsOkAndHolds(true));
  Leadership second(for_ever, Clock::Real());
  ASSERT_THAT(second.Take(), IsOkAndHolds(false));
  first.reset();
  EXPECT_THAT(second.Take(), IsOkAndHolds(true));
  EXPECT_EQ(second.epoch(), 2);
}

TEST_F(LeadershipTest, WhoDidNotRenewCanWriteNothingMore) {
  TP_ASSERT_OK_AND_ASSIGN(const LedStore old, OpenLedStore(Frozen()));
  TP_ASSERT_OK_AND_ASSIGN(
      const auto old_checkpoints,
      PostgresCheckpoints::Open(old.leadership->writer(), old.leadership->epoch()));
  TP_ASSERT_OK(Commit(*old.store, {.studies = {MakeStudy("before")}}));
  const CheckpointName kept{{"before", 0, 0}, Sha256Hex("kept")};
  TP_ASSERT_OK_AND_ASSIGN(const auto upload, old_checkpoints->Put(kept));
  TP_ASSERT_OK(upload->Append("kept"));
  TP_ASSERT_OK(upload->Finish());
  const CheckpointName late{{"before", 0, 0}, Sha256Hex("late")};
  TP_ASSERT_OK_AND_ASSIGN(const auto late_upload, old_checkpoints->Put(late));
  TP_ASSERT_OK(late_upload->Append("late"));

  Leadership next(Options(), Clock::Real());
  TakeOver(next);
  TP_ASSERT_OK_AND_ASSIGN(const auto store, PostgresStore::Open(next.writer(), next.epoch()));
  TP_ASSERT_OK(Commit(*store, {.studies = {MakeStudy("after")}}));

  EXPECT_FALSE(old.leadership->Leads());
  EXPECT_THAT(Commit(*old.store, {.studies = {MakeStudy("late")}}), kNotTheLeader);
  EXPECT_THAT(Commit(*old.store, {.deleted_studies = {"studies/before"}}), kNotTheLeader);
  const auto refused = StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not the leader"));
  EXPECT_THAT(late_upload->Finish(), refused);
  EXPECT_THAT(old_checkpoints->Remove(kept), refused);

  EXPECT_THAT(store->GetStudy("studies/late"), StatusIs(absl::StatusCode::kNotFound));
  TP_EXPECT_OK(store->GetStudy("studies/before"));
  TP_EXPECT_OK(store->GetStudy("studies/after"));
  TP_ASSERT_OK_AND_ASSIGN(const auto checkpoints,
                          PostgresCheckpoints::Open(next.writer(), next.epoch()));
  TP_ASSERT_OK_AND_ASSIGN(const auto listed, checkpoints->List());
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].name, kept);
  EXPECT_THAT(checkpoints->Read(kept, 0, 10), IsOkAndHolds("kept"));
  // What the old one had begun to upload is gone.
  EXPECT_EQ(Ask("SELECT count(*) FROM tpsweep.checkpoint_chunks"), "1");
}

TEST_F(LeadershipTest, NobodyWaitsForALeaderThatFrozeInTheMiddleOfAWrite) {
  Leadership old(Frozen(), Clock::Real());
  ASSERT_THAT(old.Take(), IsOkAndHolds(true));
  TP_ASSERT_OK(PostgresStore::Open(old.writer(), old.epoch()));
  PostgresPool pool(old.writer(), PostgresPool::Access::kWrite, 1);
  TP_ASSERT_OK_AND_ASSIGN(const auto transaction, pool.Begin());
  TP_ASSERT_OK(CheckLease(*transaction, old.epoch()));
  TP_ASSERT_OK(transaction->Execute("UPDATE revisions SET last = 99"));

  Leadership next(Options(), Clock::Real());
  TakeOver(next);
  EXPECT_THAT(transaction->Execute("COMMIT"), StatusIs(absl::StatusCode::kUnavailable));
  TP_ASSERT_OK_AND_ASSIGN(const auto store, PostgresStore::Open(next.writer(), next.epoch()));
  EXPECT_THAT(store->LastRevision(), IsOkAndHolds(0));
}

TEST_F(LeadershipTest, WhoeverHoldsAnExpiredLeaseIsNotWaitedFor) {
  {
    Leadership old(Options(), Clock::Real());
    ASSERT_THAT(old.Take(), IsOkAndHolds(true));
  }
  // As a writer that began between two statements of the one who takes over.
  PostgresPool pool({.uri = uri_, .name = "other"}, PostgresPool::Access::kWrite, 1);
  TP_ASSERT_OK_AND_ASSIGN(auto transaction, pool.Begin());
  TP_ASSERT_OK(CheckLease(*transaction, 1));
  Leadership next(Options(), Clock::Real());
  EXPECT_THAT(next.Take(), IsOkAndHolds(false));
  TP_ASSERT_OK(transaction->Execute("COMMIT"));
  EXPECT_THAT(next.Take(), IsOkAndHolds(true));
}

TEST_F(LeadershipTest, AWriteUnderWayDoesNotKeepTheLeaderFromRenewing) {
  Leadership leader(Options(), Clock::Real());
  ASSERT_THAT(leader.Take(), IsOkAndHolds(true));
  PostgresPool pool(leader.writer(), PostgresPool::Access::kWrite, 1);
  TP_ASSERT_OK_AND_ASSIGN(const auto transaction, pool.Begin());
  TP_ASSERT_OK(CheckLease(*transaction, leader.epoch()));
  const std::string renewed = Ask("SELECT renewed_at FROM tpsweep.lease");
  EXPECT_TRUE(WaitUntil([&] { return Ask("SELECT renewed_at FROM tpsweep.lease") != renewed; }));
  TP_EXPECT_OK(transaction->Execute("COMMIT"));
}

TEST_F(LeadershipTest, ALeaderLearnsThatAnotherHasTakenOver) {
  LeadershipOptions options = Options();
  options.expires_after = absl::Hours(1);  // so that its own clock tells it nothing
  Leadership old(options, Clock::Real());
  ASSERT_THAT(old.Take(), IsOkAndHolds(true));
  Ask("UPDATE tpsweep.lease SET epoch = 7, holder = 'other'");
  EXPECT_TRUE(WaitUntil([&] { return !old.Leads(); }));
}

TEST_F(LeadershipTest, ALeaderWhoseDatabaseIsGoneIsNotSureOfItForLong) {
  PostgresServer postgres;
  LeadershipOptions options = Options();
  options.uri = postgres.NewDatabase();
  Leadership leader(options, Clock::Real());
  ASSERT_THAT(leader.Take(), IsOkAndHolds(true));
  postgres.Stop();
  EXPECT_TRUE(WaitUntil([&] { return !leader.Leads(); }));
  Leadership other(options, Clock::Real());
  EXPECT_THAT(other.Take(), StatusIs(absl::StatusCode::kUnavailable));
  postgres.Start();
  TakeOver(other);
}

TEST_F(LeadershipTest, ADatabaseThatCannotBeWrittenKeepsItsLeader) {
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led, OpenLedStore(Options()));
  const auto make_read_only = [&](const char* on_or_off) {
    Ask(absl::StrCat("ALTER DATABASE ", Ask("SELECT current_database()"),
                     " SET default_transaction_read_only = ", on_or_off));
    // It holds for new connections.
    PostgresServer::Query(uri_ + "&options=-cdefault_transaction_read_only%3Doff",
                          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  };
  make_read_only("on");
  EXPECT_TRUE(WaitUntil([&] {
    const absl::Status refused = Commit(*led.store, {.studies = {MakeStudy("s")}});
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable));
    return absl::StrContains(refused.message(), "read-only");
  }));
  const absl::Duration start = Clock::Real().Elapsed();
  ASSERT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(led.leadership->Leads());
    return Clock::Real().Elapsed() - start > absl::Seconds(2);
  }));
  PostgresServer::Query(uri_ + "&options=-cdefault_transaction_read_only%3Doff",
                        "ALTER DATABASE " + Ask("SELECT current_database()") +
                            " SET default_transaction_read_only = off");
  PostgresServer::Query(uri_,
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  EXPECT_TRUE(WaitUntil([&] { return Commit(*led.store, {.studies = {MakeStudy("s")}}).ok(); }));
}

}  // namespace
}  // namespace tpsweep::server
