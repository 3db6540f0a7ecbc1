// Databases that go away, come back, and are full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "tests/fakes/status_matchers.h"
#include "tests/unit/store/postgres_harness.h"

namespace tpsweep::server {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST(PostgresFailuresTest, ADatabaseThatComesBackIsUsedAgain) {
  PostgresServer postgres;
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led,
                          OpenLedStore({.uri = postgres.NewDatabase(), .address = ""}));
  TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("before")}}));
  TP_ASSERT_OK(led.store->GetStudy("studies/before"));
  // Lost and back before anybody looks: the very next calls succeed.
  postgres.Stop();
  postgres.Start();
  TP_EXPECT_OK(led.store->GetStudy("studies/before"));
  TP_EXPECT_OK(Commit(*led.store, {.studies = {MakeStudy("after")}}));

  postgres.Stop();
  EXPECT_THAT(led.store->GetStudy("studies/before"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("store: ")));
  EXPECT_THAT(Commit(*led.store, {.studies = {MakeStudy("late")}}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("store: ")));
  postgres.Start();
  TP_EXPECT_OK(led.store->GetStudy("studies/after"));
  EXPECT_THAT(led.store->GetStudy("studies/late"), StatusIs(absl::StatusCode::kNotFound));
}

// One acknowledged commit: a run's measurement and the event of it.
WriteBatch Step(int64_t sequence) {
  return {.measurements = {MakeMeasurement(MakeAttempt("s", 0, 0, 1), sequence)},
          .events = {MakeEvent(sequence, "run.measured", "studies/s/trials/0/runs/0")}};
}

TEST(PostgresFailuresTest, AcknowledgedCommitsSurviveACrashOfTheDatabase) {
  PostgresServer postgres(PostgresServer::Durability::kFull);
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led,
                          OpenLedStore({.uri = postgres.NewDatabase(), .address = ""}));
  TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("s")},
                                   .trials = {MakeTrial("s", 0)},
                                   .runs = {MakeRun("s", 0, 0)},
                                   .attempts = {MakeAttempt("s", 0, 0, 1)}}));
  int64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    std::atomic<int64_t> acknowledged = last;
    std::thread writer([&] {
      for (int64_t next = last + 1; Commit(*led.store, Step(next)).ok(); ++next) {
        acknowledged = next;
      }
    });
    EXPECT_TRUE(WaitUntil([&] { return acknowledged >= last + 20; }));
    postgres.Crash();
    writer.join();
    postgres.Start();
    TP_ASSERT_OK_AND_ASSIGN(const int64_t stored,
                            led.store->LastSequence("studies/s/trials/0/runs/0/attempts/1"));
    // All that were acknowledged, and at most the one under way; whole.
    EXPECT_GE(stored, acknowledged);
    EXPECT_LE(stored, acknowledged + 1);
    EXPECT_THAT(led.store->LastRevision(), IsOkAndHolds(stored));
    last = stored;
  }
}

TEST(PostgresFailuresTest, AFullDiskRefusesCommitsAndRecovers) {
  const ScratchFolder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=24m,mode=0755") != 0) {
    GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(errno);
  }
  const passwd* const user = getpwnam("postgres");
  ASSERT_NE(user, nullptr);
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  const std::string space = folder.File("space");
  ASSERT_EQ(mkdir(space.c_str(), 0700), 0);
  ASSERT_EQ(chown(space.c_str(), user->pw_uid, user->pw_gid), 0);
  {
    PostgresServer postgres;
    const std::string uri = postgres.NewDatabase();
    PostgresServer::Query(uri, "CREATE TABLESPACE small LOCATION '" + space + "'");
    PostgresServer::Query(uri, "CREATE DATABASE small TABLESPACE small");
    std::string small = uri;
    small.replace(small.find("/test1?"), 7, "/small?");
    TP_ASSERT_OK_AND_ASSIGN(const LedStore led, OpenLedStore({.uri = small, .address = ""}));
    TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("s")}}));
    const auto large = [](int64_t number) {
      WriteBatch batch{.trials = {MakeTrial("s", number)},
                       .events = {MakeEvent(number, "trial.created", "studies/s")}};
      std::string noise(1'000'000, ' ');  // that does not compress
      uint32_t state = 1;
      for (char& byte : noise)
        byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 25);
      batch.trials[0].mutable_parameters(0)->mutable_value()->set_string_value(noise);
      return batch;
    };
    absl::Status status;
    int64_t number = 0;
    while (status.ok() && number < 100) status = Commit(*led.store, large(++number));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("No space left")));
    EXPECT_THAT(led.store->LastRevision(), IsOkAndHolds(number - 1));
    EXPECT_TRUE(led.leadership->Leads());
    ASSERT_EQ(mount("tmpfs", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=100m"), 0);
    TP_EXPECT_OK(Commit(*led.store, large(number)));
    EXPECT_THAT(led.store->LastRevision(), IsOkAndHolds(number));
  }
  EXPECT_EQ(umount2(folder.path().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace tpsweep::server
