#include "server/store/sqlite_schema.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::server {
namespace {

constexpr uint32_t kApplicationId = 0x74707377;  // "tpsw"

constexpr const char* kSteps[] = {
    // Keys are the numbers of the resource names, so that a list in order is one
    // range of one index. `record` is the serialised message, `study` in events
    // a name, because the story of a study outlives it by the event of its end.
    R"sql(
CREATE TABLE studies(
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of creation
  name TEXT NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  record BLOB NOT NULL) STRICT;
CREATE INDEX studies_by_state ON studies(state);

CREATE TABLE trials(
  study INTEGER NOT NULL,
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  objective REAL,  -- null: none, or not a number
  record BLOB NOT NULL,
  PRIMARY KEY(study, number)) STRICT;
CREATE INDEX trials_by_state ON trials(study, state, number);
CREATE INDEX trials_by_objective ON trials(study, objective, number) WHERE state = 2;

CREATE TABLE runs(
  study INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  replicate INTEGER NOT NULL,
  state INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(study, trial, replicate)) STRICT;
CREATE INDEX runs_by_state ON runs(study, state, trial, replicate);

CREATE TABLE attempts(
  study INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  replicate INTEGER NOT NULL,
  number INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(study, trial, replicate, number)) STRICT;
CREATE INDEX attempts_open ON attempts(study, trial, replicate, number) WHERE outcome = 0;

CREATE TABLE measurements(
  study INTEGER NOT NULL,
  trial INTEGER NOT NULL,
  replicate INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(study, trial, replicate, attempt, sequence)) STRICT, WITHOUT ROWID;

CREATE TABLE events(
  revision INTEGER PRIMARY KEY AUTOINCREMENT,  -- remembers the highest ever
  study TEXT NOT NULL,
  record BLOB NOT NULL) STRICT;
CREATE INDEX events_by_study ON events(study);
)sql",
    // Where an attempt went on: sequence of the last measurement before it.
    R"sql(
ALTER TABLE attempts ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
)sql",
};

absl::Status NotAStore(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is ", what, ", not a tpsweep store; it was left as it is"));
}

uint32_t BigEndian(const char* bytes, size_t size) {
  uint32_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// Either the whole step and its version, or nothing.
absl::Status ApplyStep(SqliteConnection& connection, const char* step, size_t version) {
  TP_RETURN_IF_ERROR(connection.Execute("BEGIN IMMEDIATE"));
  absl::Status status = connection.Execute(step);
  if (status.ok()) {
    status = connection.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId,
                                             "; PRAGMA user_version = ", version, "; COMMIT"));
  }
  if (!status.ok()) connection.RollBack();
  return status;
}

}  // namespace

absl::Span<const char* const> SchemaSteps() { return kSteps; }

absl::Status CheckStoreFile(const std::string& path) {
  std::error_code error;
  const auto file = std::filesystem::status(path, error);
  if (!std::filesystem::exists(file)) return absl::OkStatus();
  if (!std::filesystem::is_regular_file(file)) return NotAStore(path, "not a regular file");
  // A first start that was cut off may have left a page without its header; SQLite
  // rolls it back by the journal.
  if (std::filesystem::exists(path + "-journal", error)) return absl::OkStatus();

  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) return absl::UnavailableError(absl::StrCat("store ", path, " cannot be read"));
  char header[72] = {};
  in.read(header, sizeof(header));
  const auto size = static_cast<size_t>(in.gcount());
  if (size == 0) return absl::OkStatus();
  constexpr absl::string_view kMagic("SQLite format 3\0", 16);
  if (size < sizeof(header) || absl::string_view(header, kMagic.size()) != kMagic) {
    return NotAStore(path, "not an SQLite file");
  }
  if (BigEndian(header + 68, 4) != kApplicationId)
    return NotAStore(path, "another application's SQLite file");

  // SQLite itself misses whole pages only. With a log beside it the file may be
  // behind, and is made good from there.
  const size_t page_bytes = BigEndian(header + 16, 2) == 1 ? 65536 : BigEndian(header + 16, 2);
  const uintmax_t file_bytes = std::filesystem::file_size(path, error);
  const bool has_log = std::filesystem::exists(path + "-wal", error);
  if (page_bytes == 0 || (file_bytes % page_bytes != 0 && !has_log)) {
    return absl::DataLossError(absl::StrCat(path, " is cut short: its ", file_bytes,
                                            " bytes are not whole pages of ", page_bytes));
  }
  return absl::OkStatus();
}

absl::Status Migrate(SqliteConnection& connection, absl::Span<const char* const> steps) {
  TP_ASSIGN_OR_RETURN(const int64_t application, connection.QueryInteger("PRAGMA application_id"));
  TP_ASSIGN_OR_RETURN(const int64_t tables,
                      connection.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (application != kApplicationId && (application != 0 || tables != 0)) {
    return NotAStore(connection.path(), "another application's SQLite file");
  }
  TP_ASSIGN_OR_RETURN(const int64_t version, connection.QueryInteger("PRAGMA user_version"));
  if (version < 0 || static_cast<size_t>(version) > steps.size()) {
    return absl::FailedPreconditionError(absl::StrCat(
        connection.path(), " has version ", version, " and this program knows versions up to ",
        steps.size(), "; use the newer tpsweep-server that wrote it, or another file"));
  }
  for (size_t i = static_cast<size_t>(version); i < steps.size(); ++i) {
    TP_RETURN_IF_ERROR(ApplyStep(connection, steps[i], i + 1));
  }
  return absl::OkStatus();
}

}  // namespace tpsweep::server
