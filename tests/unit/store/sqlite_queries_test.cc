// Every statement finds its rows by an index: no table is scanned, and nothing is
// sorted, however large the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "server/store/sqlite_sql.h"
#include "server/store/sqlite_store.h"
#include "tests/fakes/status_matchers.h"
#include "tests/fakes/store_records.h"

namespace tpsweep::server {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// SQLite's own account of how it would run the statement.
std::string Plan(sqlite3* db, const char* text) {
  sqlite3_stmt* statement = nullptr;
  const std::string query = absl::StrCat("EXPLAIN QUERY PLAN ", text);
  EXPECT_EQ(sqlite3_prepare_v2(db, query.c_str(), -1, &statement, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db) << ": " << query;
  std::string plan;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    absl::StrAppend(&plan, reinterpret_cast<const char*>(sqlite3_column_text(statement, 3)), "\n");
  }
  sqlite3_finalize(statement);
  return plan;
}

TEST(SqliteQueriesTest, NoTableIsScannedAndNothingSorted) {
  const ScratchFolder folder;
  TP_ASSERT_OK(SqliteStore::Open(folder.File("store.db")));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.File("store.db").c_str(), &db), SQLITE_OK);
  for (size_t i = 0; i < kNumSqliteWrites; ++i) {
    const char* const text = SqliteText(static_cast<SqliteWrite>(i));
    EXPECT_THAT(Plan(db, text), Not(AnyOf(HasSubstr("SCAN"), HasSubstr("TEMP B-TREE")))) << text;
  }
  for (size_t i = 0; i < kNumSql; ++i) {
    const Sql sql = static_cast<Sql>(i);
    SCOPED_TRACE(SqliteText(sql));
    const std::string plan = Plan(db, SqliteText(sql));
    // The attempts of a partial index are the open ones: all are wanted.
    if (sql == Sql::kOpenAttempts) {
      EXPECT_THAT(plan, HasSubstr("SCAN a USING INDEX attempts_open"));
    } else if (sql == Sql::kLastRevision) {
      EXPECT_THAT(plan, HasSubstr("SCAN sqlite_sequence"));  // two rows
    } else {
      EXPECT_THAT(plan, Not(HasSubstr("SCAN")));
    }
    // Ties of the best trials are put in order as they come.
    if (sql == Sql::kBestDescending) {
      EXPECT_THAT(plan, HasSubstr("TEMP B-TREE FOR RIGHT PART OF ORDER BY"));
    } else {
      EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE")));
    }
  }
  // A page of one run's measurements begins at its key and ends with the run.
  for (const Sql sql : {Sql::kListMeasurements, Sql::kListCountedMeasurements}) {
    EXPECT_THAT(Plan(db, SqliteText(sql)),
                HasSubstr("(study=? AND (trial,replicate,attempt,sequence)>(?,?,?,?) AND "
                          "(trial,replicate)<(?,?))"));
  }
  sqlite3_close(db);
}

}  // namespace
}  // namespace tpsweep::server
