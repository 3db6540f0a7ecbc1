// Which files a server may open, and what becomes of the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/random.h"
#include "server/store/sqlite_schema.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;

// Runs SQL on the file as another program would.
void RunSql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);
}

// A closed store with something in it.
void MakeStoreFile(const std::string& path) {
  TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(path));
  WriteBatch batch{.studies = {MakeStudy("s")}};
  for (int64_t trial = 0; trial < 50; ++trial) {
    batch.trials.push_back(MakeTrial("s", trial, v1::TRIAL_STATE_SUCCEEDED, 0.5));
    batch.runs.push_back(MakeRun("s", trial, 0, v1::RUN_STATE_RUNNING, 1));
    batch.attempts.push_back(MakeAttempt("s", trial, 0, 1));
    for (int64_t sequence = 1; sequence <= 5; ++sequence) {
      batch.measurements.push_back(MakeMeasurement(batch.attempts.back(), sequence));
    }
    batch.events.push_back(MakeEvent(trial + 1, "run.leased", batch.runs.back().name()));
  }
  TP_ASSERT_OK(store->Commit({&batch, 1}));
}

TEST(SqliteOpenTest, WhatWasCommittedIsThereAgain) {
  const ScratchFolder folder;
  MakeStoreFile(folder.File("store.db"));
  TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(folder.File("store.db")));
  TP_ASSERT_OK_AND_ASSIGN(const auto page,
                          store->ListMeasurements({.parent = "studies/s"}, {.size = 1000}));
  EXPECT_EQ(page.items.size(), 250);
  EXPECT_THAT(store->LastRevision(), IsOkAndHolds(50));
}

TEST(SqliteOpenTest, AnEmptyFileBecomesAStore) {
  const ScratchFolder folder;
  TP_ASSERT_OK(WriteFileAtomically(folder.File("store.db"), ""));
  TP_EXPECT_OK(SqliteStore::Open(folder.File("store.db")));
}

TEST(SqliteOpenTest, ASpecialNameIsAFileLikeAnyOther) {
  const ScratchFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  MakeStoreFile(":memory:");
  EXPECT_TRUE(std::filesystem::exists(folder.File(":memory:")));
  TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(":memory:"));
  TP_EXPECT_OK(store->GetStudy("studies/s"));
  std::filesystem::current_path(before);
}

TEST(SqliteOpenTest, ASecondServerIsRefusedAndToldWhoHasTheFile) {
  const ScratchFolder folder;
  const std::string path = folder.File("store.db");
  const auto refused =
      StatusIs(kRefused, AllOf(HasSubstr(path), HasSubstr(absl::StrCat("process ", getpid())),
                               HasSubstr("one server at a time")));
  {
    TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(path));
    EXPECT_THAT(SqliteStore::Open(path), refused);
    // The same from another process.
    const pid_t child = fork();
    if (child == 0) _exit(SqliteStore::Open(path).status().code() == kRefused ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    // The refused ones have not taken the lock away.
    EXPECT_THAT(SqliteStore::Open(path), refused);
    const WriteBatch batch{.studies = {MakeStudy("s")}};
    TP_EXPECT_OK(store->Commit({&batch, 1}));
  }
  TP_EXPECT_OK(SqliteStore::Open(path));
}

TEST(SqliteOpenTest, WhatIsNotAStoreIsRefusedAndLeftAsItIs) {
  const ScratchFolder folder;
  const std::string path = folder.File("notes.db");
  for (const std::string& text :
       {std::string("x"), std::string(100'000, '\0'), std::string("SQLite format 3\0", 16),
        std::string("#!/bin/sh\n") + std::string(5000, '#')}) {
    TP_ASSERT_OK(WriteFileAtomically(path, text));
    EXPECT_THAT(SqliteStore::Open(path),
                StatusIs(kRefused, AllOf(HasSubstr(path), HasSubstr("not an SQLite file"))));
    EXPECT_THAT(ReadFile(path), IsOkAndHolds(text));
  }
  for (const char* beside : {".lock", "-wal", "-shm", "-journal"}) {
    EXPECT_FALSE(std::filesystem::exists(path + beside)) << beside;
  }
}

TEST(SqliteOpenTest, AnotherApplicationsFileIsRefusedAndLeftAsItIs) {
  const ScratchFolder folder;
  for (const char* sql : {"CREATE TABLE t(a); PRAGMA journal_mode = WAL; INSERT INTO t VALUES(1)",
                          "PRAGMA application_id = 7; CREATE TABLE t(a)",
                          "PRAGMA user_version = 1; CREATE TABLE studies(a)"}) {
    const std::string path = folder.File(absl::StrCat("foreign", strlen(sql), ".db"));
    RunSql(path, sql);
    TP_ASSERT_OK_AND_ASSIGN(const std::string before, ReadFile(path));
    EXPECT_THAT(SqliteStore::Open(path),
                StatusIs(kRefused, AllOf(HasSubstr(path), HasSubstr("another application"))));
    EXPECT_THAT(ReadFile(path), IsOkAndHolds(before));
    EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  }
}

TEST(SqliteOpenTest, ANewerVersionIsRefusedAndLeftAsItIs) {
  const ScratchFolder folder;
  const std::string path = folder.File("store.db");
  MakeStoreFile(path);
  const size_t version = SchemaSteps().size();
  RunSql(path, absl::StrCat("PRAGMA user_version = ", version + 41));
  TP_ASSERT_OK_AND_ASSIGN(const std::string before, ReadFile(path));
  EXPECT_THAT(SqliteStore::Open(path),
              StatusIs(kRefused, AllOf(HasSubstr(absl::StrCat("has version ", version + 41)),
                                       HasSubstr(absl::StrCat("versions up to ", version)))));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds(before));
}

TEST(SqliteOpenTest, AFolderThatIsMissingOrClosedIsNamed) {
  const ScratchFolder folder;
  EXPECT_THAT(SqliteStore::Open(folder.File("missing/store.db")),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("missing/store.db"), HasSubstr("No such file"))));
  EXPECT_THAT(SqliteStore::Open(folder.path()),
              StatusIs(kRefused, AllOf(HasSubstr(folder.path()), HasSubstr("not a regular file"))));
  EXPECT_THAT(SqliteStore::Open(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SqliteStore::Open("/proc/store.db"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/proc/store.db")));
}

TEST(SqliteOpenTest, MigrationsGoForwardOneStepAtATime) {
  const ScratchFolder folder;
  const std::string path = folder.File("store.db");
  MakeStoreFile(path);
  std::vector<const char*> steps(SchemaSteps().begin(), SchemaSteps().end());
  const auto version = static_cast<int64_t>(steps.size());
  steps.push_back("ALTER TABLE studies ADD COLUMN owner TEXT");
  steps.push_back("CREATE TABLE notes(a); INSERT INTO no_such_table VALUES(1)");
  {
    TP_ASSERT_OK_AND_ASSIGN(const auto connection,
                            SqliteConnection::Open(path, SqliteConnection::Access::kWrite));
    // The bad step leaves the file as the good one before it made it.
    EXPECT_THAT(Migrate(*connection, steps), Not(IsOk()));
    EXPECT_THAT(connection->QueryInteger("PRAGMA user_version"), IsOkAndHolds(version + 1));
    EXPECT_THAT(connection->QueryInteger("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"),
                IsOkAndHolds(0));
    steps.back() = "CREATE TABLE notes(a)";
    TP_EXPECT_OK(Migrate(*connection, steps));
    TP_EXPECT_OK(Migrate(*connection, steps));
    EXPECT_THAT(connection->QueryInteger("PRAGMA user_version"), IsOkAndHolds(version + 2));
    EXPECT_THAT(connection->QueryInteger("SELECT count(owner IS NULL) FROM studies"),
                IsOkAndHolds(1));
  }
  EXPECT_THAT(SqliteStore::Open(path), StatusIs(kRefused));
}

TEST(SqliteOpenTest, ARecordThatDoesNotReadBackIsNamed) {
  const ScratchFolder folder;
  const std::string path = folder.File("store.db");
  MakeStoreFile(path);
  RunSql(path,
         "UPDATE studies SET record = x'ff';"
         "UPDATE trials SET record = x'ff' WHERE number = 3;"
         "UPDATE runs SET record = x'ff' WHERE trial = 3;"
         "UPDATE attempts SET record = x'ff' WHERE trial = 3;"
         "UPDATE measurements SET record = x'ff' WHERE trial = 3 AND sequence = 2;"
         "UPDATE events SET record = x'ff' WHERE revision = 7");
  TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(path));
  const auto damaged = [](const char* name) {
    return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(absl::StrCat(name, " is damaged")));
  };
  EXPECT_THAT(store->GetStudy("studies/s"), damaged("studies/s"));
  EXPECT_THAT(store->ListStudies({}, {}), damaged("studies/s"));
  EXPECT_THAT(store->ListTrials({.study = "studies/s"}, {}), damaged("studies/s/trials/3"));
  EXPECT_THAT(store->BestTrials("studies/s", v1::GOAL_MINIMIZE, 50), damaged("studies/s/trials/3"));
  EXPECT_THAT(store->GetRun("studies/s/trials/3/runs/0"), damaged("studies/s/trials/3/runs/0"));
  EXPECT_THAT(store->ListRuns({.parent = "studies/s/trials/3"}, {}),
              damaged("studies/s/trials/3/runs/0"));
  EXPECT_THAT(store->OpenAttempts(), damaged("studies/s/trials/3/runs/0/attempts/1"));
  EXPECT_THAT(store->ListMeasurements({.parent = "studies/s/trials/3/runs/0"}, {}),
              damaged("measurement 2 of studies/s/trials/3/runs/0/attempts/1"));
  EXPECT_THAT(store->ListEvents("", 0, 100), damaged("event 7"));
  // What is whole can still be read.
  TP_EXPECT_OK(store->GetRun("studies/s/trials/4/runs/0"));
}

// Reads and writes all there is; any answer will do, as long as there is one.
// Returns whether an error was seen, which must be of a kind that says so.
bool Exercise(const std::string& path) {
  const auto is_fair =
      AnyOf(IsOk(), StatusIs(absl::StatusCode::kDataLoss),
            StatusIs(absl::StatusCode::kFailedPrecondition),
            StatusIs(absl::StatusCode::kUnavailable), StatusIs(absl::StatusCode::kNotFound),
            StatusIs(absl::StatusCode::kInvalidArgument), StatusIs(absl::StatusCode::kInternal));
  const auto store = SqliteStore::Open(path);
  EXPECT_THAT(store, is_fair);
  if (!store.ok()) return true;
  bool has_failed = false;
  const auto see = [&](const auto& answer) {
    EXPECT_THAT(answer, is_fair);
    has_failed |= !answer.ok();
  };
  see((*store)->ListStudies({}, {}));
  see((*store)->ListTrials({.study = "studies/s"}, {.size = 1000}));
  see((*store)->ListRuns({.parent = "studies/s", .states = {v1::RUN_STATE_RUNNING}},
                         {.size = 1000}));
  see((*store)->ListMeasurements({.parent = "studies/s"}, {.size = 1000}));
  see((*store)->OpenAttempts());
  see((*store)->BestTrials("studies/s", v1::GOAL_MAXIMIZE, 1000));
  see((*store)->ListEvents("studies/s", 0, 1000));
  const WriteBatch batch{.deleted_studies = {"studies/s"}, .studies = {MakeStudy("s")}};
  const absl::Status status = (*store)->Commit({&batch, 1});
  EXPECT_THAT(status, is_fair);
  return has_failed || !status.ok();
}

TEST(SqliteOpenTest, ATruncatedFileGivesErrors) {
  const ScratchFolder folder;
  MakeStoreFile(folder.File("whole.db"));
  TP_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(folder.File("whole.db")));
  ASSERT_GT(whole.size(), 100'000);
  const std::string path = folder.File("store.db");
  for (const size_t size : {whole.size() - 1, whole.size() - 5000, whole.size() / 2, size_t{8192},
                            size_t{4096}, size_t{1000}, size_t{50}}) {
    TP_ASSERT_OK(WriteFileAtomically(path, whole.substr(0, size)));
    EXPECT_TRUE(Exercise(path)) << "cut to " << size;
  }
}

TEST(SqliteOpenTest, DamagedPagesGiveErrorsAndNoCrash) {
  const ScratchFolder folder;
  MakeStoreFile(folder.File("whole.db"));
  TP_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(folder.File("whole.db")));
  const std::string path = folder.File("store.db");
  RandomStream random(DeriveSeed(1, "damage"));
  int num_noticed = 0;
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    for (int flips = 0; flips < 20; ++flips) {
      damaged[random.NextBelow(damaged.size())] ^= static_cast<char>(1 << random.NextBelow(8));
    }
    // A whole page of nonsense, in half of the rounds.
    if (round % 2 == 0) {
      const size_t page = 4096 * (1 + random.NextBelow(damaged.size() / 4096 - 1));
      for (size_t i = 0; i < 4096; ++i) damaged[page + i] = static_cast<char>(random.NextBits32());
    }
    TP_ASSERT_OK(WriteFileAtomically(path, damaged));
    num_noticed += Exercise(path) ? 1 : 0;
    for (const char* beside : {"-wal", "-shm"}) std::filesystem::remove(path + beside);
  }
  EXPECT_GE(num_noticed, 30);
}

}  // namespace
}  // namespace tpsweep::server
