// Every read finds its rows by an index: no table is scanned, and nothing is sorted,
// however large the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "absl/strings/match.h"
#include "server/store/postgres_sql.h"
#include "tests/fakes/status_matchers.h"
#include "tests/unit/store/postgres_harness.h"

namespace tpsweep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PostgresQueriesTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string uri = PostgresServer::Shared().NewDatabase();
    TP_ASSERT_OK(OpenLedStore({.uri = uri, .address = ""}));
    TP_ASSERT_OK_AND_ASSIGN(connection_, PostgresConnection::Open({.uri = uri}));
  }

  // The database's own account of how the store's connections would run it.
  std::string Plan(Sql sql) {
    const std::string text = PostgresText(sql);
    std::string nulls;
    for (int i = 1; absl::StrContains(text, absl::StrCat("$", i)); ++i) {
      absl::StrAppend(&nulls, i == 1 ? "(" : ", ", "null");
    }
    if (!nulls.empty()) nulls += ")";
    const std::string name = absl::StrCat("plan", texts_.size());
    TP_EXPECT_OK(connection_->Execute(absl::StrCat("PREPARE ", name, " AS ", text)));
    texts_.push_back(absl::StrCat("EXPLAIN EXECUTE ", name, nulls));
    const auto rows = connection_->Run(PostgresQuery(texts_.back().c_str()));
    TP_EXPECT_OK(rows);
    std::string plan;
    for (int row = 0; rows.ok() && row < rows->rows(); ++row) {
      absl::StrAppend(&plan, rows->Bytes(row, 0), "\n");
    }
    return plan;
  }

  std::deque<std::string> texts_;  // outlives the connection
  std::unique_ptr<PostgresConnection> connection_;
};

TEST_F(PostgresQueriesTest, NoTableIsScannedAndNothingSorted) {
  for (size_t i = 0; i < kNumSql; ++i) {
    const Sql sql = static_cast<Sql>(i);
    if (sql == Sql::kBegin || sql == Sql::kRollback) continue;
    SCOPED_TRACE(PostgresText(sql));
    const std::string plan = Plan(sql);
    if (sql == Sql::kLastRevision) {
      EXPECT_THAT(plan, HasSubstr("Seq Scan on revisions"));  // one row
    } else {
      EXPECT_THAT(plan, Not(HasSubstr("Seq Scan")));
    }
    // Ties of the best trials are put in order as they come.
    if (sql == Sql::kBestDescending) {
      EXPECT_THAT(plan, HasSubstr("Incremental Sort"));
    } else {
      EXPECT_THAT(plan, Not(HasSubstr("Sort")));
    }
  }
  // A page of one run's measurements begins at its key and ends with the run.
  for (const Sql sql : {Sql::kListMeasurements, Sql::kListCountedMeasurements}) {
    EXPECT_THAT(Plan(sql), HasSubstr("Index Cond: ((study = $1) AND (ROW(trial, replicate, "
                                     "attempt, sequence) > ROW($2, $3, $4, $5)) AND "
                                     "(ROW(trial, replicate) <= ROW($6, $7)))"));
  }
  // The open attempts are found among themselves.
  EXPECT_THAT(Plan(Sql::kOpenAttempts), HasSubstr("attempts_open"));
}

}  // namespace
}  // namespace tpsweep::server
