// Every statement that the SQLite store runs on its tables. A connection
// prepares each one once.
#pragma once

#include <cstddef>

#include "server/store/sql.h"

namespace tpsweep::server {

enum class SqliteWrite {
  kBegin,
  kCommit,

  kPutStudy,
  kPutTrial,
  kPutRun,
  kPutAttempt,
  kPutMeasurement,
  kPutEvent,

  kRemoveMeasurement,

  kDeleteStudy,
  kDeleteTrials,
  kDeleteRuns,
  kDeleteAttempts,
  kDeleteMeasurements,
  kDeleteEvents,

  kCount,
};
inline constexpr size_t kNumSqliteWrites = static_cast<size_t>(SqliteWrite::kCount);

// Zero-terminated.
const char* SqliteText(Sql sql);
const char* SqliteText(SqliteWrite sql);

}  // namespace tpsweep::server
