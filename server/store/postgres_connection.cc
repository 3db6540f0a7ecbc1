#include "server/store/postgres_connection.h"

#include <libpq-fe.h>

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"
#include "server/store/postgres_sql.h"

namespace tpsweep::server {
namespace {

// Every statement finds its rows by an index and in order, whatever the statistics of
// the database say today; and what is committed is on the disk.
constexpr char kSetUp[] =
    "SET search_path = tpsweep;"
    "SET plan_cache_mode = force_generic_plan;"
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;"
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;"
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'";

std::string OneLine(absl::string_view text) {
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(text), {{"\n", "; "}, {"\t", " "}});
}

bool IsInClass(absl::string_view state, std::initializer_list<absl::string_view> classes) {
  for (const absl::string_view prefix : classes) {
    if (absl::StartsWith(state, prefix)) return true;
  }
  return false;
}

// `state`: the five letters of SQLSTATE; empty if the connection was lost.
absl::Status PostgresError(absl::string_view state, const std::string& message) {
  if (IsInClass(state, {"XX001", "XX002"})) return absl::DataLossError(message);
  // Connection, authorisation, which database, read-only, deadlock, resources (a full
  // disk among them), cancelled, shutting down, I/O.
  if (state.empty() ||
      IsInClass(state, {"08", "28", "3D", "25006", "40", "42501", "53", "55P03", "57", "58"})) {
    return absl::UnavailableError(message);
  }
  return absl::InternalError(message);
}

absl::string_view Field(const PGresult* result, int code) {
  const char* const text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

bool IsGood(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

}  // namespace

PostgresStatement& PostgresStatement::Bind(int64_t value) {
  query_.Bind(value);
  return *this;
}

PostgresStatement& PostgresStatement::Bind(absl::string_view bytes) {
  query_.Bind(bytes);
  return *this;
}

absl::StatusOr<bool> PostgresStatement::Next() {
  if (rows_.empty()) {
    TP_ASSIGN_OR_RETURN(rows_, connection_.Run({&query_, 1}));
  }
  return ++row_ < rows_[0].rows();
}

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(
    const PostgresTarget& target) {
  // What the URI says goes before what stands above it, and after what stands below.
  const char* const keywords[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                  "keepalives_count", "tcp_user_timeout", "dbname",
                                  "application_name", "client_encoding",  nullptr};
  const char* const values[] = {
      "5", "5", "2", "3", "10000", target.uri.c_str(), target.name.c_str(), "UTF8", nullptr};
  std::unique_ptr<PostgresConnection> connection(
      new PostgresConnection(PQconnectdbParams(keywords, values, /*expand_dbname=*/1)));
  PQsetNoticeProcessor(
      connection->connection_, [](void*, const char*) {}, nullptr);
  if (!connection->is_open()) return connection->Lose();
  if (PQserverVersion(connection->connection_) < 140000) {
    return absl::FailedPreconditionError(absl::StrCat(
        "store: ", connection->Where(), ": PostgreSQL ",
        PQserverVersion(connection->connection_) / 10000, " is too old; it must be 14 or newer"));
  }
  TP_RETURN_IF_ERROR(connection->Execute(kSetUp));
  return connection;
}

PostgresConnection::~PostgresConnection() { PQfinish(connection_); }

bool PostgresConnection::is_open() const {
  return !is_lost_ && PQstatus(connection_) == CONNECTION_OK;
}

std::string PostgresConnection::Where() const {
  const auto text = [](const char* known) { return absl::string_view(known ? known : ""); };
  return absl::StrCat("database ", text(PQdb(connection_)), " at ", text(PQhost(connection_)), ":",
                      text(PQport(connection_)));
}

absl::Status PostgresConnection::Failure(const pg_result* result) {
  const absl::string_view state = Field(result, PG_DIAG_SQLSTATE);
  // libpq itself may not know yet that nothing more comes.
  if (state.empty() || Field(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "FATAL") is_lost_ = true;
  const absl::string_view primary = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  const absl::string_view detail = Field(result, PG_DIAG_MESSAGE_DETAIL);
  std::string message =
      absl::StrCat("store: ", Where(), ": ",
                   primary.empty() ? OneLine(PQresultErrorMessage(result)) : std::string(primary));
  if (!detail.empty()) absl::StrAppend(&message, " (", detail, ")");
  return PostgresError(state, message);
}

absl::Status PostgresConnection::Lose() {
  is_lost_ = true;
  return absl::UnavailableError(absl::StrCat("store: ", OneLine(PQerrorMessage(connection_))));
}

absl::StatusOr<PostgresStatement> PostgresConnection::Prepare(Sql sql) {
  return PostgresStatement(*this, PostgresText(sql));
}

absl::StatusOr<std::vector<PostgresResult>> PostgresConnection::Run(
    absl::Span<const PostgresQuery> queries) {
  std::vector<const char*> sent;  // the text that is to be prepared; null: is to be run
  bool is_sent = PQenterPipelineMode(connection_) == 1;
  for (const PostgresQuery& query : queries) {
    const auto [entry, is_new] = prepared_.try_emplace(query.text());
    if (is_new) {
      entry->second = absl::StrCat("s", next_name_++);
      is_sent = is_sent &&
                PQsendPrepare(connection_, entry->second.c_str(), query.text(), 0, nullptr) == 1;
      sent.push_back(query.text());
    }
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const std::string& parameter : query.parameters()) {
      values.push_back(parameter.data());
      lengths.push_back(static_cast<int>(parameter.size()));
    }
    const std::vector<int> formats(values.size(), 1);
    is_sent = is_sent && PQsendQueryPrepared(connection_, entry->second.c_str(),
                                             static_cast<int>(values.size()), values.data(),
                                             lengths.data(), formats.data(), 1) == 1;
    sent.push_back(nullptr);
  }
  is_sent = is_sent && PQpipelineSync(connection_) == 1;
  if (!is_sent) return Lose();

  std::vector<PostgresResult> results;
  absl::Status status;
  for (const char* const prepared : sent) {
    PGresult* const result = PQgetResult(connection_);
    if (result == nullptr) return Lose();
    PostgresResult owned(result);
    if (!IsGood(result)) {
      if (status.ok()) status = Failure(result);
      if (!is_open()) return status;
      if (prepared != nullptr) prepared_.erase(prepared);
    } else if (prepared == nullptr) {
      results.push_back(std::move(owned));
    }
    if (PQgetResult(connection_) != nullptr) return Lose();  // each answer ends with null
  }
  PQclear(PQgetResult(connection_));  // of the sync
  if (PQexitPipelineMode(connection_) != 1) return Lose();
  if (!status.ok()) return status;
  return results;
}

absl::StatusOr<PostgresResult> PostgresConnection::Run(const PostgresQuery& query) {
  TP_ASSIGN_OR_RETURN(std::vector<PostgresResult> results, Run({&query, 1}));
  return std::move(results[0]);
}

absl::Status PostgresConnection::Execute(const std::string& script) {
  PGresult* const result = PQexec(connection_, script.c_str());
  const PostgresResult owned(result);
  return IsGood(result) ? absl::OkStatus() : Failure(result);
}

void PostgresConnection::RollBack() {
  if (PQtransactionStatus(connection_) != PQTRANS_IDLE) Execute("ROLLBACK").IgnoreError();
}

}  // namespace tpsweep::server
