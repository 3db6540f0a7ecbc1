// What a PostgreSQL store makes of the database that it finds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/store/postgres_schema.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/store/postgres_harness.h"

namespace tpsweep::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;

class PostgresOpenTest : public testing::Test {
 protected:
  std::string Ask(const std::string& sql) const { return PostgresServer::Query(uri_, sql); }
  absl::StatusOr<LedStore> Open() const { return OpenLedStore({.uri = uri_, .address = ""}); }

  const std::string uri_ = PostgresServer::Shared().NewDatabase();
};

TEST_F(PostgresOpenTest, WhatIsStoredIsThereForTheNext) {
  {
    TP_ASSERT_OK_AND_ASSIGN(const LedStore led, Open());
    TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("s")},
                                     .events = {MakeEvent(3, "study.created", "studies/s")}}));
  }
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led, Open());
  TP_EXPECT_OK(led.store->GetStudy("studies/s"));
  EXPECT_THAT(led.store->LastRevision(), IsOkAndHolds(3));
}

TEST_F(PostgresOpenTest, OtherApplicationsOfTheDatabaseDoNotMatter) {
  Ask("CREATE TABLE studies(mine text)");
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led, Open());
  TP_EXPECT_OK(Commit(*led.store, {.studies = {MakeStudy("s")}}));
  EXPECT_EQ(Ask("SELECT count(*) FROM public.studies"), "0");
}

TEST_F(PostgresOpenTest, AnEmptySchemaIsUsedAndAForeignOneLeftAlone) {
  Ask("CREATE SCHEMA tpsweep");
  TP_EXPECT_OK(Open());
  Ask("DROP SCHEMA tpsweep CASCADE; CREATE SCHEMA tpsweep; CREATE TABLE tpsweep.theirs()");
  EXPECT_THAT(Open(), StatusIs(kRefused, AllOf(HasSubstr("another application"),
                                               HasSubstr("left as it is"))));
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n"
                " ON n.oid = c.relnamespace WHERE n.nspname = 'tpsweep'"),
            "1");
}

TEST_F(PostgresOpenTest, ANewerVersionIsRefused) {
  TP_ASSERT_OK(Open());
  Ask("UPDATE tpsweep.version SET number = 99");
  EXPECT_THAT(Open(), StatusIs(kRefused, AllOf(HasSubstr("version 99"), HasSubstr("newer"))));
  EXPECT_EQ(Ask("SELECT number FROM tpsweep.version"), "99");
}

TEST_F(PostgresOpenTest, ADatabaseThatIsNotThereIsNamed) {
  EXPECT_THAT(OpenLedStore({.uri = uri_ + "&dbname=nowhere", .address = ""}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("\"nowhere\" does not exist")));
  EXPECT_THAT(OpenLedStore({.uri = "postgres://user:secret@/x?host=/nowhere", .address = ""}),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("/nowhere"), Not(HasSubstr("secret")))));
}

TEST_F(PostgresOpenTest, MigrationsGoForwardOneStepAtATimeAndByTheLeaderOnly) {
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led, Open());
  TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("s")}}));
  std::vector<const char*> steps(PostgresSteps().begin(), PostgresSteps().end());
  const std::string version = absl::StrCat(steps.size() + 1);
  steps.push_back("ALTER TABLE studies ADD COLUMN owner text");
  steps.push_back("CREATE TABLE notes(a int); INSERT INTO no_such_table VALUES(1)");
  const int64_t epoch = led.leadership->epoch();
  TP_ASSERT_OK_AND_ASSIGN(const auto connection,
                          PostgresConnection::Open(led.leadership->writer()));
  EXPECT_THAT(MigrateSchema(*connection, epoch + 1, steps), StatusIs(kRefused));
  EXPECT_EQ(Ask("SELECT number FROM tpsweep.version"), absl::StrCat(PostgresSteps().size()));
  // The bad step leaves the database as the good one before it made it.
  EXPECT_THAT(MigrateSchema(*connection, epoch, steps), Not(IsOk()));
  EXPECT_EQ(Ask("SELECT number FROM tpsweep.version"), version);
  EXPECT_EQ(Ask("SELECT to_regclass('tpsweep.notes') IS NULL"), "t");
  steps.back() = "CREATE TABLE notes(a int)";
  TP_EXPECT_OK(MigrateSchema(*connection, epoch, steps));
  TP_EXPECT_OK(MigrateSchema(*connection, epoch, steps));
  EXPECT_EQ(Ask("SELECT count(owner IS NULL) FROM tpsweep.studies"), "1");
}

TEST_F(PostgresOpenTest, ARecordThatDoesNotReadBackIsNamed) {
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led, Open());
  TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("s")},
                                   .trials = {MakeTrial("s", 3)},
                                   .runs = {MakeRun("s", 3, 0)},
                                   .attempts = {MakeAttempt("s", 3, 0, 1)},
                                   .measurements = {MakeMeasurement(MakeAttempt("s", 3, 0, 1), 2)},
                                   .events = {MakeEvent(7, "run.leased", "studies/s")}}));
  for (const char* table : {"studies", "trials", "runs", "attempts", "measurements", "events"}) {
    Ask(absl::StrCat("UPDATE tpsweep.", table, " SET record = '\\xff'"));
  }
  const auto damaged = [](const char* name) {
    return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(absl::StrCat(name, " is damaged")));
  };
  const PostgresStore& store = *led.store;
  EXPECT_THAT(store.GetStudy("studies/s"), damaged("studies/s"));
  EXPECT_THAT(store.ListStudies({}, {}), damaged("studies/s"));
  EXPECT_THAT(store.ListTrials({.study = "studies/s"}, {}), damaged("studies/s/trials/3"));
  EXPECT_THAT(store.GetRun("studies/s/trials/3/runs/0"), damaged("studies/s/trials/3/runs/0"));
  EXPECT_THAT(store.OpenAttempts(), damaged("studies/s/trials/3/runs/0/attempts/1"));
  EXPECT_THAT(store.ListMeasurements({.parent = "studies/s"}, {}),
              damaged("measurement 2 of studies/s/trials/3/runs/0/attempts/1"));
  EXPECT_THAT(store.ListEvents("", 0, 100), damaged("event 7"));
}

TEST_F(PostgresOpenTest, APrefixThatIsNoTextFindsNothing) {
  TP_ASSERT_OK_AND_ASSIGN(const LedStore led, Open());
  TP_ASSERT_OK(Commit(*led.store, {.studies = {MakeStudy("s")}}));
  for (const std::string& prefix : {std::string("\xff\xfe"), std::string("s\0", 2)}) {
    TP_ASSERT_OK_AND_ASSIGN(const auto page, led.store->ListStudies({.name_prefix = prefix}, {}));
    EXPECT_TRUE(page.items.empty());
  }
}

}  // namespace
}  // namespace tpsweep::server
