#include "server/store/sqlite_sql.h"

namespace tpsweep::server {

const char* SqliteText(Sql sql) {
  switch (sql) {
    case Sql::kBegin:
      return "BEGIN";
    case Sql::kRollback:
      return "ROLLBACK";

    case Sql::kStudyId:
      return "SELECT id FROM studies WHERE name = ?1";
    case Sql::kStudyName:
      return "SELECT name FROM studies WHERE id = ?1";
    case Sql::kHasTrial:
      return "SELECT 1 FROM trials WHERE study = ?1 AND number = ?2";
    case Sql::kHasRun:
      return "SELECT 1 FROM runs WHERE study = ?1 AND trial = ?2 AND replicate = ?3";
    case Sql::kHasAttempt:
      return "SELECT 1 FROM attempts"
             " WHERE study = ?1 AND trial = ?2 AND replicate = ?3 AND number = ?4";

    case Sql::kGetStudy:
      return "SELECT record FROM studies WHERE name = ?1";
    case Sql::kGetRun:
      return "SELECT r.record FROM studies AS s CROSS JOIN runs AS r ON r.study = s.id"
             " WHERE s.name = ?1 AND r.trial = ?2 AND r.replicate = ?3";
    case Sql::kListStudies:
      return "SELECT id, record FROM studies"
             " WHERE id > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY id LIMIT ?3";
    case Sql::kListStudiesInState:
      return "SELECT id, record FROM studies"
             " WHERE id > ?1 AND substr(name, 1, length(?2)) = ?2 AND state = ?4"
             " ORDER BY id LIMIT ?3";
    case Sql::kListTrials:
      return "SELECT number, record FROM trials"
             " WHERE study = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
    case Sql::kListTrialsInState:
      return "SELECT number, record FROM trials"
             " WHERE study = ?1 AND number > ?2 AND state = ?4 ORDER BY number LIMIT ?3";
    case Sql::kListRuns:
      return "SELECT trial, replicate, record FROM runs"
             " WHERE study = ?1 AND (trial, replicate) > (?2, ?3) AND trial <= ?4"
             " ORDER BY trial, replicate LIMIT ?5";
    case Sql::kListRunsInState:
      return "SELECT trial, replicate, record FROM runs"
             " WHERE study = ?1 AND (trial, replicate) > (?2, ?3) AND trial <= ?4 AND state = ?6"
             " ORDER BY trial, replicate LIMIT ?5";
    case Sql::kListMeasurements:
      return "SELECT trial, replicate, attempt, sequence, record FROM measurements"
             " WHERE study = ?1 AND (trial, replicate, attempt, sequence) > (?2, ?3, ?4, ?5)"
             " AND (trial, replicate) <= (?6, ?7)"
             " ORDER BY trial, replicate, attempt, sequence LIMIT ?8";
    case Sql::kListCountedMeasurements:
      // The page begins exactly at its key; what later attempts have made void, which
      // is little, is passed over.
      return "SELECT m.trial, m.replicate, m.attempt, m.sequence, m.record FROM measurements AS m"
             " WHERE m.study = ?1"
             " AND (m.trial, m.replicate, m.attempt, m.sequence) > (?2, ?3, ?4, ?5)"
             " AND (m.trial, m.replicate) <= (?6, ?7)"
             " AND NOT EXISTS (SELECT 1 FROM attempts AS a"
             " WHERE a.study = m.study AND a.trial = m.trial AND a.replicate = m.replicate"
             " AND a.number > m.attempt AND a.start < m.sequence)"
             " ORDER BY m.trial, m.replicate, m.attempt, m.sequence LIMIT ?8";
    case Sql::kOpenAttempts:
      return "SELECT s.name, a.trial, a.replicate, a.number, a.record"
             " FROM attempts AS a CROSS JOIN studies AS s ON s.id = a.study WHERE a.outcome = 0"
             " ORDER BY a.study, a.trial, a.replicate, a.number";
    case Sql::kLastSequence:
      return "SELECT sequence FROM measurements"
             " WHERE study = ?1 AND trial = ?2 AND replicate = ?3 AND attempt = ?4"
             " ORDER BY sequence DESC LIMIT 1";
    case Sql::kBestAscending:
      return "SELECT number, record FROM trials"
             " WHERE study = ?1 AND state = 2 AND objective IS NOT NULL"
             " ORDER BY objective, number LIMIT ?2";
    case Sql::kBestDescending:
      return "SELECT number, record FROM trials"
             " WHERE study = ?1 AND state = 2 AND objective IS NOT NULL"
             " ORDER BY objective DESC, number LIMIT ?2";
    case Sql::kBestWithoutObjective:
      return "SELECT number, record FROM trials"
             " WHERE study = ?1 AND state = 2 AND objective IS NULL ORDER BY number LIMIT ?2";
    case Sql::kListEvents:
      return "SELECT revision, record FROM events WHERE revision > ?1 ORDER BY revision LIMIT ?2";
    case Sql::kListStudyEvents:
      return "SELECT revision, record FROM events"
             " WHERE revision > ?1 AND study = ?3 ORDER BY revision LIMIT ?2";
    case Sql::kLastRevision:
      return "SELECT seq FROM sqlite_sequence WHERE name = 'events'";

    case Sql::kCount:
      break;
  }
  return "";
}

const char* SqliteText(SqliteWrite sql) {
  switch (sql) {
    case SqliteWrite::kBegin:
      return "BEGIN IMMEDIATE";
    case SqliteWrite::kCommit:
      return "COMMIT";

    case SqliteWrite::kPutStudy:
      return "INSERT INTO studies(name, state, record) VALUES(?1, ?2, ?3)"
             " ON CONFLICT(name) DO UPDATE SET state = excluded.state, record = excluded.record";
    case SqliteWrite::kPutTrial:
      return "INSERT INTO trials(study, number, state, objective, record)"
             " VALUES(?1, ?2, ?3, ?4, ?5)"
             " ON CONFLICT(study, number) DO UPDATE SET state = excluded.state,"
             " objective = excluded.objective, record = excluded.record";
    case SqliteWrite::kPutRun:
      return "INSERT INTO runs(study, trial, replicate, state, attempt, record)"
             " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
             " ON CONFLICT(study, trial, replicate) DO UPDATE SET state = excluded.state,"
             " attempt = excluded.attempt, record = excluded.record";
    case SqliteWrite::kPutAttempt:
      return "INSERT INTO attempts(study, trial, replicate, number, outcome, start, record)"
             " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
             " ON CONFLICT(study, trial, replicate, number)"
             " DO UPDATE SET outcome = excluded.outcome, start = excluded.start,"
             " record = excluded.record";
    case SqliteWrite::kPutMeasurement:
      return "INSERT OR IGNORE INTO measurements"
             "(study, trial, replicate, attempt, sequence, record) VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    case SqliteWrite::kPutEvent:
      return "INSERT INTO events(revision, study, record) VALUES(?1, ?2, ?3)";

    case SqliteWrite::kRemoveMeasurement:
      return "DELETE FROM measurements WHERE study = ?1 AND trial = ?2 AND replicate = ?3"
             " AND attempt = ?4 AND sequence = ?5";

    case SqliteWrite::kDeleteStudy:
      return "DELETE FROM studies WHERE id = ?1";
    case SqliteWrite::kDeleteTrials:
      return "DELETE FROM trials WHERE study = ?1";
    case SqliteWrite::kDeleteRuns:
      return "DELETE FROM runs WHERE study = ?1";
    case SqliteWrite::kDeleteAttempts:
      return "DELETE FROM attempts WHERE study = ?1";
    case SqliteWrite::kDeleteMeasurements:
      return "DELETE FROM measurements WHERE study = ?1";
    case SqliteWrite::kDeleteEvents:
      return "DELETE FROM events WHERE study = ?1";

    case SqliteWrite::kCount:
      break;
  }
  return "";
}

}  // namespace tpsweep::server
