#include "server/store/postgres_schema.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/store/postgres_lease.h"

namespace tpsweep::server {
namespace {

// One row each. The epoch is the key of the lease: whoever takes the lease changes a key,
// which those who hold on to it do not let happen (postgres_lease.h).
constexpr char kFirstTables[] = R"sql(
CREATE TABLE tpsweep.version(number bigint NOT NULL);
INSERT INTO tpsweep.version VALUES(0);
CREATE TABLE tpsweep.lease(
  epoch bigint PRIMARY KEY,
  holder text NOT NULL,
  address text NOT NULL,
  renewed_at timestamptz NOT NULL);
INSERT INTO tpsweep.lease VALUES(0, '', '', '-infinity');
)sql";

constexpr const char* kSteps[] = {
    // As in SQLite (sqlite_schema.cc): keys are the numbers of the resource names, so that a
    // list in order is one range of one index; `record` is the serialised message.
    R"sql(
CREATE TABLE studies(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- order of creation
  name text NOT NULL UNIQUE,
  state bigint NOT NULL,
  record bytea NOT NULL);
CREATE INDEX studies_by_state ON studies(state, id);

CREATE TABLE trials(
  study bigint NOT NULL,
  number bigint NOT NULL,
  state bigint NOT NULL,
  objective float8,  -- null: none, or not a number
  record bytea NOT NULL,
  PRIMARY KEY(study, number));
CREATE INDEX trials_by_state ON trials(study, state, number);
CREATE INDEX trials_by_objective ON trials(study, objective, number) WHERE state = 2;

CREATE TABLE runs(
  study bigint NOT NULL,
  trial bigint NOT NULL,
  replicate bigint NOT NULL,
  state bigint NOT NULL,
  record bytea NOT NULL,
  PRIMARY KEY(study, trial, replicate));
CREATE INDEX runs_by_state ON runs(study, state, trial, replicate);

CREATE TABLE attempts(
  study bigint NOT NULL,
  trial bigint NOT NULL,
  replicate bigint NOT NULL,
  number bigint NOT NULL,
  outcome bigint NOT NULL,
  start bigint NOT NULL,  -- sequence of the last measurement before it
  record bytea NOT NULL,
  PRIMARY KEY(study, trial, replicate, number));
CREATE INDEX attempts_open ON attempts(study, trial, replicate, number) WHERE outcome = 0;

CREATE TABLE measurements(
  study bigint NOT NULL,
  trial bigint NOT NULL,
  replicate bigint NOT NULL,
  attempt bigint NOT NULL,
  sequence bigint NOT NULL,
  record bytea NOT NULL,
  PRIMARY KEY(study, trial, replicate, attempt, sequence));

CREATE TABLE events(
  revision bigint PRIMARY KEY,
  study text NOT NULL,  -- a name: the story of a study outlives it
  record bytea NOT NULL);
CREATE INDEX events_by_study ON events(study, revision);

CREATE TABLE revisions(last bigint NOT NULL);  -- one row: the highest ever
INSERT INTO revisions VALUES(0);

-- A checkpoint is there when its row is here; its bytes are in chunks of one size.
CREATE TABLE checkpoints(
  id bigint PRIMARY KEY,
  study text NOT NULL,
  trial bigint NOT NULL,
  replicate bigint NOT NULL,
  sha256 text NOT NULL,
  bytes bigint NOT NULL,
  UNIQUE(study, trial, replicate, sha256));
CREATE SEQUENCE checkpoint_ids OWNED BY checkpoints.id;
CREATE TABLE checkpoint_chunks(
  checkpoint bigint NOT NULL,
  number bigint NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY(checkpoint, number));
ALTER TABLE checkpoint_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;  -- they do not shrink
)sql",
};

// Two coordinators may find an empty database at the same time.
constexpr char kOneAtATime[] = "SELECT 1 FROM pg_advisory_xact_lock(8388356074690995568)";

// In a transaction, which the caller rolls back on an error.
absl::Status Prepare(PostgresConnection& connection, size_t num_steps) {
  TP_RETURN_IF_ERROR(connection.Run(PostgresQuery(kOneAtATime)).status());
  TP_ASSIGN_OR_RETURN(
      const PostgresResult found,
      connection.Run(PostgresQuery(
          "SELECT to_regclass('tpsweep.version') IS NOT NULL"
          " AND to_regclass('tpsweep.lease') IS NOT NULL,"
          " (SELECT count(*) FROM pg_namespace WHERE nspname = 'tpsweep'),"
          " (SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
          " WHERE n.nspname = 'tpsweep')")));
  const bool is_ours = found.Integer(0, 0) != 0;
  const bool has_schema = found.Integer(0, 1) != 0;
  if (!is_ours && found.Integer(0, 2) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.Where(),
                     " has a schema tpsweep of another application, not a tpsweep store; it "
                     "was left as it is"));
  }
  if (!has_schema) TP_RETURN_IF_ERROR(connection.Execute("CREATE SCHEMA tpsweep"));
  if (!is_ours) TP_RETURN_IF_ERROR(connection.Execute(kFirstTables));
  TP_ASSIGN_OR_RETURN(const PostgresResult version,
                      connection.Run(PostgresQuery("SELECT number FROM tpsweep.version")));
  if (version.rows() != 1 || version.Integer(0, 0) < 0 ||
      version.Integer(0, 0) > static_cast<int64_t>(num_steps)) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.Where(), " has version ",
                     version.rows() == 1 ? absl::StrCat(version.Integer(0, 0)) : std::string("?"),
                     " and this program knows versions up to ", num_steps,
                     "; use the newer tpsweep-server that wrote it, or another database"));
  }
  return connection.Execute("COMMIT");
}

absl::Status ApplyStep(PostgresConnection& connection, int64_t epoch, const char* step,
                       size_t version) {
  TP_RETURN_IF_ERROR(connection.Execute("BEGIN"));
  TP_RETURN_IF_ERROR(CheckLease(connection, epoch));
  TP_RETURN_IF_ERROR(connection.Execute(step));
  return connection.Execute(absl::StrCat("UPDATE version SET number = ", version, "; COMMIT"));
}

}  // namespace

absl::Span<const char* const> PostgresSteps() { return kSteps; }

absl::Status PrepareSchema(PostgresConnection& connection, absl::Span<const char* const> steps) {
  absl::Status status = connection.Execute("BEGIN");
  if (status.ok()) status = Prepare(connection, steps.size());
  connection.RollBack();
  return status;
}

absl::Status MigrateSchema(PostgresConnection& connection, int64_t epoch,
                           absl::Span<const char* const> steps) {
  TP_ASSIGN_OR_RETURN(const PostgresResult version,
                      connection.Run(PostgresQuery("SELECT number FROM version")));
  for (auto i = static_cast<size_t>(version.Integer(0, 0)); i < steps.size(); ++i) {
    absl::Status status = ApplyStep(connection, epoch, steps[i], i + 1);
    connection.RollBack();
    TP_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

}  // namespace tpsweep::server
