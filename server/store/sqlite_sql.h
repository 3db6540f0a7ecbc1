// Every statement that the SQLite store runs on its tables. A connection
// prepares each one once.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace tpsweep::server {

enum class Sql {
  kBegin,
  kBeginWrite,
  kCommit,
  kRollback,

  kPutStudy,
  kPutTrial,
  kPutRun,
  kPutAttempt,
  kPutMeasurement,
  kPutEvent,

  kDeleteStudy,
  kDeleteTrials,
  kDeleteRuns,
  kDeleteAttempts,
  kDeleteMeasurements,
  kDeleteEvents,

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

// Zero-terminated.
const char* SqlText(Sql sql);

}  // namespace tpsweep::server
