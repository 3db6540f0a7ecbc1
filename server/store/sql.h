// What the SQL engines of the store ask their tables when they read: one statement
// a question, in each engine's own words (sqlite_sql.cc, postgres_sql.cc).
#pragma once

#include <cstddef>

namespace tpsweep::server {

enum class Sql {
  kBegin,  // a transaction that sees one committed state
  kRollback,

  kStudyId,
  kStudyName,
  kHasTrial,
  kHasRun,
  kHasAttempt,

  kGetStudy,
  kGetRun,
  // Lists: key columns, then the record. Those in a state have one parameter
  // more, the last one.
  kListStudies,
  kListStudiesInState,
  kListTrials,
  kListTrialsInState,
  kListRuns,
  kListRunsInState,
  kListMeasurements,
  kListCountedMeasurements,
  kOpenAttempts,
  kLastSequence,
  kBestAscending,
  kBestDescending,
  kBestWithoutObjective,
  kListEvents,
  kListStudyEvents,
  kLastRevision,

  kCount,
};
inline constexpr size_t kNumSql = static_cast<size_t>(Sql::kCount);

}  // namespace tpsweep::server
