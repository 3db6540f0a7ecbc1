#include "server/store/postgres_sql.h"

namespace tpsweep::server {

const char* PostgresText(Sql sql) {
  switch (sql) {
    case Sql::kBegin:
      return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    case Sql::kRollback:
      return "ROLLBACK";

    case Sql::kStudyId:
      return "SELECT id FROM studies WHERE name = $1";
    case Sql::kStudyName:
      return "SELECT name FROM studies WHERE id = $1";
    case Sql::kHasTrial:
      return "SELECT 1 FROM trials WHERE study = $1 AND number = $2";
    case Sql::kHasRun:
      return "SELECT 1 FROM runs WHERE study = $1 AND trial = $2 AND replicate = $3";
    case Sql::kHasAttempt:
      return "SELECT 1 FROM attempts"
             " WHERE study = $1 AND trial = $2 AND replicate = $3 AND number = $4";

    case Sql::kGetStudy:
      return "SELECT record FROM studies WHERE name = $1";
    case Sql::kGetRun:
      return "SELECT r.record FROM studies AS s JOIN runs AS r ON r.study = s.id"
             " WHERE s.name = $1 AND r.trial = $2 AND r.replicate = $3";
    // A prefix is what a user typed, and may be no text: it is compared as bytes.
    case Sql::kListStudies:
      return "SELECT id, record FROM studies"
             " WHERE id > $1 AND substring(convert_to(name, 'UTF8') FOR length($2::bytea)) = $2"
             " ORDER BY id LIMIT $3";
    case Sql::kListStudiesInState:
      return "SELECT id, record FROM studies"
             " WHERE id > $1 AND substring(convert_to(name, 'UTF8') FOR length($2::bytea)) = $2"
             " AND state = $4 ORDER BY id LIMIT $3";
    case Sql::kListTrials:
      return "SELECT number, record FROM trials"
             " WHERE study = $1 AND number > $2 ORDER BY number LIMIT $3";
    case Sql::kListTrialsInState:
      return "SELECT number, record FROM trials"
             " WHERE study = $1 AND number > $2 AND state = $4 ORDER BY number LIMIT $3";
    case Sql::kListRuns:
      return "SELECT trial, replicate, record FROM runs"
             " WHERE study = $1 AND (trial, replicate) > ($2, $3) AND trial <= $4"
             " ORDER BY trial, replicate LIMIT $5";
    case Sql::kListRunsInState:
      return "SELECT trial, replicate, record FROM runs"
             " WHERE study = $1 AND (trial, replicate) > ($2, $3) AND trial <= $4 AND state = $6"
             " ORDER BY trial, replicate LIMIT $5";
    // All rows of an answer come at once, and those of measurements may be large: no
    // more than a page can hold (paging.h), and the one that shows that it goes on.
    case Sql::kListMeasurements:
      return "SELECT trial, replicate, attempt, sequence, record FROM"
             " (SELECT m.trial, m.replicate, m.attempt, m.sequence, m.record,"
             " sum(octet_length(m.record)) OVER (ORDER BY m.trial, m.replicate, m.attempt,"
             " m.sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before"
             " FROM measurements AS m WHERE m.study = $1"
             " AND (m.trial, m.replicate, m.attempt, m.sequence) > ($2, $3, $4, $5)"
             " AND (m.trial, m.replicate) <= ($6, $7)"
             " ORDER BY m.trial, m.replicate, m.attempt, m.sequence LIMIT $8) AS page"
             " WHERE coalesce(before, 0) <= 4194304"
             " ORDER BY trial, replicate, attempt, sequence";
    case Sql::kListCountedMeasurements:
      // OFFSET 0: the attempts are looked up for each measurement, by their index.
      return "SELECT trial, replicate, attempt, sequence, record FROM"
             " (SELECT m.trial, m.replicate, m.attempt, m.sequence, m.record,"
             " sum(octet_length(m.record)) OVER (ORDER BY m.trial, m.replicate, m.attempt,"
             " m.sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before"
             " FROM measurements AS m WHERE m.study = $1"
             " AND (m.trial, m.replicate, m.attempt, m.sequence) > ($2, $3, $4, $5)"
             " AND (m.trial, m.replicate) <= ($6, $7)"
             " AND NOT EXISTS (SELECT 1 FROM attempts AS a"
             " WHERE a.study = m.study AND a.trial = m.trial AND a.replicate = m.replicate"
             " AND a.number > m.attempt AND a.start < m.sequence OFFSET 0)"
             " ORDER BY m.trial, m.replicate, m.attempt, m.sequence LIMIT $8) AS page"
             " WHERE coalesce(before, 0) <= 4194304"
             " ORDER BY trial, replicate, attempt, sequence";
    case Sql::kOpenAttempts:
      return "SELECT s.name, a.trial, a.replicate, a.number, a.record"
             " FROM attempts AS a JOIN studies AS s ON s.id = a.study WHERE a.outcome = 0"
             " ORDER BY a.study, a.trial, a.replicate, a.number";
    case Sql::kLastSequence:
      return "SELECT sequence FROM measurements"
             " WHERE study = $1 AND trial = $2 AND replicate = $3 AND attempt = $4"
             " ORDER BY sequence DESC LIMIT 1";
    case Sql::kBestAscending:
      return "SELECT number, record FROM trials"
             " WHERE study = $1 AND state = 2 AND objective IS NOT NULL"
             " ORDER BY objective, number LIMIT $2";
    case Sql::kBestDescending:
      return "SELECT number, record FROM trials"
             " WHERE study = $1 AND state = 2 AND objective IS NOT NULL"
             " ORDER BY objective DESC, number LIMIT $2";
    case Sql::kBestWithoutObjective:
      return "SELECT number, record FROM trials"
             " WHERE study = $1 AND state = 2 AND objective IS NULL ORDER BY number LIMIT $2";
    case Sql::kListEvents:
      return "SELECT revision, record FROM events WHERE revision > $1 ORDER BY revision LIMIT $2";
    case Sql::kListStudyEvents:
      return "SELECT revision, record FROM events"
             " WHERE revision > $1 AND study = $3 ORDER BY revision LIMIT $2";
    case Sql::kLastRevision:
      return "SELECT last FROM revisions";

    case Sql::kCount:
      break;
  }
  return "";
}

}  // namespace tpsweep::server
