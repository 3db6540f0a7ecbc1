#include "server/store/sqlite_maintenance.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

using testing::HasSubstr;

class SqliteMaintenanceTest : public testing::Test {
 protected:
  // A store with a study of so many trials.
  std::unique_ptr<SqliteStore> MakeStore(int64_t trials) {
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path_);
    EXPECT_THAT(store, IsOk());
    WriteBatch batch;
    batch.studies.push_back(MakeStudy("s"));
    for (int64_t i = 0; i < trials; ++i) batch.trials.push_back(MakeTrial("s", i));
    EXPECT_THAT((*store)->Commit({&batch, 1}), IsOk());
    return *std::move(store);
  }
  static size_t NumTrials(const std::string& path) {
    const auto store = SqliteStore::Open(path);
    EXPECT_THAT(store, IsOk());
    return (*store)->ListTrials({"studies/s", {}}, {1000, ""}).value().items.size();
  }

  ScratchFolder folder_;
  const std::string path_ = folder_.File("store.db");
  const std::string copy_ = folder_.File("copy's.db");
};

TEST_F(SqliteMaintenanceTest, CopiesAStoreWhileItIsWritten) {
  const auto store = MakeStore(1);
  std::atomic<bool> is_over = false;
  std::atomic<int64_t> written = 1;
  std::thread writer([&] {
    while (!is_over && written < 900) {
      WriteBatch batch;
      batch.trials.push_back(MakeTrial("s", written));
      ASSERT_THAT(store->Commit({&batch, 1}), IsOk());
      ++written;
    }
  });
  while (written < 20) std::this_thread::yield();
  const int64_t before = written;
  TP_EXPECT_OK(BackUpSqliteStore(path_, copy_));
  const int64_t after = written;
  is_over = true;
  writer.join();
  const auto copied = static_cast<int64_t>(NumTrials(copy_));
  EXPECT_GE(copied, before);
  EXPECT_LE(copied, after + 1);
  TP_EXPECT_OK(CheckSqliteStore(path_));
  EXPECT_FALSE(std::filesystem::exists(copy_ + ".tmp"));
}

TEST_F(SqliteMaintenanceTest, NeverOverwrites) {
  const auto store = MakeStore(1);
  std::ofstream(copy_) << "mine";
  EXPECT_THAT(BackUpSqliteStore(path_, copy_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("there already")));
  EXPECT_EQ(std::filesystem::file_size(copy_), 4u);
}

TEST_F(SqliteMaintenanceTest, SaysWhatIsNoStore) {
  EXPECT_THAT(CheckSqliteStore(path_), StatusIs(absl::StatusCode::kNotFound));
  std::ofstream(path_) << std::string(10000, 'x');
  EXPECT_THAT(CheckSqliteStore(path_), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(BackUpSqliteStore(path_, copy_), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SqliteMaintenanceTest, FindsDamageAndCopiesNone) {
  MakeStore(500);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
    for (std::streamoff at = 3 * 4096 + 8; at < size; at += 4096) {
      file.seekp(at);
      file.write("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    }
  }
  EXPECT_THAT(CheckSqliteStore(path_), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(path_)));
  EXPECT_FALSE(BackUpSqliteStore(path_, copy_).ok());
  EXPECT_FALSE(std::filesystem::exists(copy_));
  EXPECT_FALSE(std::filesystem::exists(copy_ + ".tmp"));
}

TEST_F(SqliteMaintenanceTest, RestoresACopyWhereNoStoreIs) {
  {
    const auto store = MakeStore(3);
    TP_ASSERT_OK(BackUpSqliteStore(path_, copy_));
    EXPECT_THAT(RestoreSqliteStore(copy_, path_),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path_)))
        << "a server has it";
  }
  EXPECT_THAT(RestoreSqliteStore(copy_, path_), StatusIs(absl::StatusCode::kAlreadyExists));
  for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + part);
  TP_ASSERT_OK(RestoreSqliteStore(copy_, path_));
  EXPECT_EQ(NumTrials(path_), 3u);
}

// Each version that there has been, brought up to date.
TEST_F(SqliteMaintenanceTest, AnOlderStoreIsCopiedBeforeItIsBroughtUpToDate) {
  for (size_t version = 1; version < SchemaSteps().size(); ++version) {
    const std::string path = folder_.File(absl::StrCat("old-", version, ".db"));
    {
      TP_ASSERT_OK_AND_ASSIGN(const auto connection,
                              SqliteConnection::Open(path, SqliteConnection::Access::kWrite));
      TP_ASSERT_OK(Migrate(*connection, SchemaSteps().subspan(0, version)));
      TP_ASSERT_OK(connection->Execute(
          "INSERT INTO studies(name, state, record) VALUES('s', 1, x'0a09737475646965732f73')"));
    }
    TP_ASSERT_OK_AND_ASSIGN(const auto store, SqliteStore::Open(path));
    EXPECT_THAT(store->GetStudy("studies/s"), IsOk());
    const std::string copy = absl::StrCat(path, ".version-", version);
    TP_ASSERT_OK_AND_ASSIGN(const auto before,
                            SqliteConnection::Open(copy, SqliteConnection::Access::kRead));
    EXPECT_THAT(before->QueryInteger("PRAGMA user_version"),
                IsOkAndHolds(static_cast<int64_t>(version)));
    EXPECT_THAT(before->QueryInteger("SELECT count(*) FROM studies"), IsOkAndHolds(1));
  }
}

}  // namespace
}  // namespace tpsweep::server
