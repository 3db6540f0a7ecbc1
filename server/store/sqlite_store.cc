#include "server/store/sqlite_store.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/store/paging.h"
#include "server/store/sqlite_schema.h"
#include "server/store/sqlite_writer.h"
#include "server/store/store_rules.h"

namespace tpsweep::server {
namespace {

constexpr int kNumReaders = 4;

// The statements and the index of best trials spell this out.
static_assert(v1::TRIAL_STATE_SUCCEEDED == 2);

// `name_of` is asked for the record's name if it is damaged.
template <class T, class NameOf>
absl::StatusOr<T> ParseRecord(absl::string_view bytes, NameOf name_of) {
  T record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        absl::StrCat("store: the record of ", name_of(), " is damaged and cannot be read"));
  }
  return record;
}

absl::StatusOr<int64_t> StudyId(SqliteConnection& db, const StudyName& name) {
  TP_ASSIGN_OR_RETURN(SqliteStatement get, db.Prepare(Sql::kStudyId));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Bind(name.study).Next());
  if (!is_there) return NoSuch(name);
  return get.Integer(0);
}

// The key of the study that a list is of; kNotFound unless the parent is there.
absl::StatusOr<int64_t> FindParent(SqliteConnection& db, const ResourceName& parent) {
  TP_ASSIGN_OR_RETURN(const int64_t study, StudyId(db, {parent.study}));
  if (!parent.trial.has_value()) return study;
  TP_ASSIGN_OR_RETURN(SqliteStatement has,
                      db.Prepare(parent.replicate ? Sql::kHasRun : Sql::kHasTrial));
  has.Bind(study).Bind(*parent.trial);
  if (parent.replicate) has.Bind(*parent.replicate);
  TP_ASSIGN_OR_RETURN(const bool is_there, has.Next());
  if (is_there) return study;
  if (parent.replicate) return NoSuch(RunName{parent.study, *parent.trial, *parent.replicate});
  return NoSuch(TrialName{parent.study, *parent.trial});
}

template <size_t N>
struct Row {
  Key<N> key;
  std::string record;
};

// The rows of a list statement, which `bind` gives its parameters. With states,
// each state's rows come from the index by state, in order, and are merged.
template <size_t N, class Bind>
absl::StatusOr<std::vector<Row<N>>> ReadRows(SqliteConnection& db, const std::vector<int>& states,
                                             Sql all, Sql in_state, Bind bind) {
  std::vector<Row<N>> rows;
  const auto read = [&](SqliteStatement& list) -> absl::Status {
    while (true) {
      TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
      if (!has_row) return absl::OkStatus();
      Row<N>& row = rows.emplace_back();
      for (size_t i = 0; i < N; ++i) row.key[i] = list.Integer(static_cast<int>(i));
      row.record = std::string(list.Bytes(N));
    }
  };
  if (states.empty()) {
    TP_ASSIGN_OR_RETURN(SqliteStatement list, db.Prepare(all));
    bind(list);
    TP_RETURN_IF_ERROR(read(list));
    return rows;
  }
  for (const int state : states) {
    TP_ASSIGN_OR_RETURN(SqliteStatement list, db.Prepare(in_state));
    bind(list);
    list.Bind(int64_t{state});
    TP_RETURN_IF_ERROR(read(list));
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row<N>& a, const Row<N>& b) { return a.key < b.key; });
  return rows;
}

// One row more than the page has: there is a next page if it comes.
int64_t RowLimit(const PageRequest& page) { return PageSize(page) + 1; }

template <class T, size_t N, class NameOf>
absl::StatusOr<Page<T>> MakePage(const PageRequest& page, const ListQuery<N>& query,
                                 const std::vector<Row<N>>& rows, NameOf name_of) {
  PageBuilder<T, N> builder(page, query.list);
  for (const Row<N>& row : rows) {
    TP_ASSIGN_OR_RETURN(T record, ParseRecord<T>(row.record, [&] { return name_of(row.key); }));
    if (!builder.Add(row.key, std::move(record))) break;
  }
  return std::move(builder).Build();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& given_path) {
  if (given_path.empty()) return absl::InvalidArgumentError("the store's file has no name");
  // An absolute path is never one of SQLite's special names (":memory:").
  std::error_code error;
  const std::string path = std::filesystem::absolute(given_path, error).string();
  if (error) return absl::UnavailableError(absl::StrCat(given_path, ": ", error.message()));

  TP_RETURN_IF_ERROR(CheckStoreFile(path));
  absl::StatusOr<FileLock> file_lock = FileLock::Take(path + ".lock");
  if (!file_lock.ok()) {
    return absl::Status(
        file_lock.status().code(),
        absl::StrCat("store ", path, ": ", file_lock.status().message(),
                     absl::IsFailedPrecondition(file_lock.status())
                         ? "; one server at a time: stop the other one, or give this one a file "
                           "of its own"
                         : ""));
  }

  TP_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> writer,
                      SqliteConnection::Open(path, SqliteConnection::Access::kWrite));
  TP_RETURN_IF_ERROR(writer->Execute("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536"));
  TP_RETURN_IF_ERROR(Migrate(*writer, SchemaSteps()));
  // After the first migration, which so marks the file itself and not its log.
  TP_ASSIGN_OR_RETURN(const std::string mode, writer->QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path, ": the file system does not carry a write-ahead log (SQLite ",
                     "offers ", mode, "); put it on a local disk"));
  }
  TP_RETURN_IF_ERROR(writer->Execute("PRAGMA journal_size_limit = 67108864"));

  std::unique_ptr<SqliteStore> store(new SqliteStore(*std::move(file_lock), std::move(writer)));
  TP_RETURN_IF_ERROR(store->readers_.Open(path, kNumReaders));
  return store;
}

absl::Status SqliteStore::Commit(absl::Span<const WriteBatch> batches) {
  MutexLock lock(write_mu_);
  const auto write = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_) -> absl::Status {
    TP_RETURN_IF_ERROR(writer_->Run(Sql::kBeginWrite));
    SqliteWriter writer(*writer_);
    for (const WriteBatch& batch : batches) TP_RETURN_IF_ERROR(writer.Write(batch));
    return writer_->Run(Sql::kCommit);
  };
  absl::Status status = write();
  if (!status.ok()) writer_->RollBack();
  return status;
}

absl::StatusOr<v1::Study> SqliteStore::GetStudy(absl::string_view name) const {
  TP_ASSIGN_OR_RETURN(const StudyName study, ParseStudyName(name));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(SqliteStatement get, (*db).Prepare(Sql::kGetStudy));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Bind(study.study).Next());
  if (!is_there) return NoSuch(study);
  return ParseRecord<v1::Study>(get.Bytes(0), [&] { return name; });
}

absl::StatusOr<v1::Run> SqliteStore::GetRun(absl::string_view name) const {
  TP_ASSIGN_OR_RETURN(const RunName run, ParseRunName(name));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(SqliteStatement get, (*db).Prepare(Sql::kGetRun));
  get.Bind(run.study).Bind(run.trial).Bind(run.replicate);
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  if (!is_there) return NoSuch(run);
  return ParseRecord<v1::Run>(get.Bytes(0), [&] { return name; });
}

absl::StatusOr<Page<v1::Study>> SqliteStore::ListStudies(const StudyFilter& filter,
                                                         const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<1> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(
      const auto rows,
      ReadRows<1>(*db, query.states, Sql::kListStudies, Sql::kListStudiesInState,
                  [&](SqliteStatement& list) {
                    list.Bind(query.after[0]).Bind(filter.name_prefix).Bind(RowLimit(page));
                  }));
  return MakePage<v1::Study>(page, query, rows, [&](const Key<1>& key) -> std::string {
    absl::StatusOr<SqliteStatement> get = (*db).Prepare(Sql::kStudyName);
    if (!get.ok() || !get->Bind(key[0]).Next().value_or(false)) return "a study";
    return ToString(StudyName{std::string(get->Bytes(0))});
  });
}

absl::StatusOr<Page<v1::Trial>> SqliteStore::ListTrials(const TrialFilter& filter,
                                                        const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<1> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t study, FindParent(*db, query.parent));
  TP_ASSIGN_OR_RETURN(const auto rows,
                      ReadRows<1>(*db, query.states, Sql::kListTrials, Sql::kListTrialsInState,
                                  [&](SqliteStatement& list) {
                                    list.Bind(study).Bind(query.after[0]).Bind(RowLimit(page));
                                  }));
  return MakePage<v1::Trial>(page, query, rows, [&](const Key<1>& key) {
    return ToString(TrialName{query.parent.study, key[0]});
  });
}

absl::StatusOr<Page<v1::Run>> SqliteStore::ListRuns(const RunFilter& filter,
                                                    const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<2> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t study, FindParent(*db, query.parent));
  TP_ASSIGN_OR_RETURN(const auto rows,
                      ReadRows<2>(*db, query.states, Sql::kListRuns, Sql::kListRunsInState,
                                  [&](SqliteStatement& list) {
                                    list.Bind(study).Bind(query.after[0]).Bind(query.after[1]);
                                    list.Bind(query.last[0]).Bind(RowLimit(page));
                                  }));
  return MakePage<v1::Run>(page, query, rows, [&](const Key<2>& key) {
    return ToString(RunName{query.parent.study, key[0], key[1]});
  });
}

absl::StatusOr<Page<v1::MeasurementRecord>> SqliteStore::ListMeasurements(
    const MeasurementFilter& filter, const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<4> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t study, FindParent(*db, query.parent));
  TP_ASSIGN_OR_RETURN(
      SqliteStatement list,
      (*db).Prepare(filter.all_attempts ? Sql::kListMeasurements : Sql::kListCountedMeasurements));
  list.Bind(study);
  for (const int64_t part : query.after) list.Bind(part);
  list.Bind(query.last[0]).Bind(query.last[1]).Bind(RowLimit(page));
  PageBuilder<v1::MeasurementRecord, 4> builder(page, query.list);
  while (true) {
    TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
    if (!has_row) break;
    const Key<4> key = {list.Integer(0), list.Integer(1), list.Integer(2), list.Integer(3)};
    v1::MeasurementRecord record;
    record.set_attempt(ToString(AttemptName{query.parent.study, key[0], key[1], key[2]}));
    TP_ASSIGN_OR_RETURN(*record.mutable_measurement(),
                        ParseRecord<v1::Measurement>(list.Bytes(4), [&] {
                          return absl::StrCat("measurement ", key[3], " of ", record.attempt());
                        }));
    if (!builder.Add(key, std::move(record))) break;
  }
  return std::move(builder).Build();
}

absl::StatusOr<std::vector<v1::Attempt>> SqliteStore::OpenAttempts() const {
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(SqliteStatement list, (*db).Prepare(Sql::kOpenAttempts));
  std::vector<v1::Attempt> attempts;
  while (true) {
    TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
    if (!has_row) return attempts;
    const AttemptName name{std::string(list.Bytes(0)), list.Integer(1), list.Integer(2),
                           list.Integer(3)};
    TP_ASSIGN_OR_RETURN(v1::Attempt attempt,
                        ParseRecord<v1::Attempt>(list.Bytes(4), [&] { return ToString(name); }));
    attempts.push_back(std::move(attempt));
  }
}

absl::StatusOr<int64_t> SqliteStore::LastSequence(absl::string_view attempt) const {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(attempt));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  const absl::StatusOr<int64_t> study = StudyId(*db, {name.study});
  if (absl::IsNotFound(study.status())) return 0;
  if (!study.ok()) return study.status();
  TP_ASSIGN_OR_RETURN(SqliteStatement get, (*db).Prepare(Sql::kLastSequence));
  get.Bind(*study).Bind(name.trial).Bind(name.replicate).Bind(name.attempt);
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  return is_there ? get.Integer(0) : 0;
}

absl::StatusOr<std::vector<v1::Trial>> SqliteStore::BestTrials(absl::string_view study,
                                                               v1::Goal goal, int count) const {
  TP_ASSIGN_OR_RETURN(const StudyName name, ParseStudyName(study));
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t id, StudyId(*db, name));
  std::vector<v1::Trial> best;
  for (const Sql sql : {goal == v1::GOAL_MAXIMIZE ? Sql::kBestDescending : Sql::kBestAscending,
                        Sql::kBestWithoutObjective}) {
    const int64_t wanted = std::max<int64_t>(count, 0) - static_cast<int64_t>(best.size());
    TP_ASSIGN_OR_RETURN(SqliteStatement list, (*db).Prepare(sql));
    list.Bind(id).Bind(wanted);
    while (true) {
      TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
      if (!has_row) break;
      TP_ASSIGN_OR_RETURN(v1::Trial trial, ParseRecord<v1::Trial>(list.Bytes(1), [&] {
                            return ToString(TrialName{name.study, list.Integer(0)});
                          }));
      best.push_back(std::move(trial));
    }
  }
  return best;
}

absl::StatusOr<std::vector<v1::Event>> SqliteStore::ListEvents(absl::string_view study,
                                                               int64_t after_revision,
                                                               int limit) const {
  StudyName name;
  if (!study.empty()) {
    TP_ASSIGN_OR_RETURN(name, ParseStudyName(study));
  }
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(SqliteStatement list,
                      (*db).Prepare(study.empty() ? Sql::kListEvents : Sql::kListStudyEvents));
  list.Bind(after_revision).Bind(int64_t{std::max(limit, 0)});
  if (!study.empty()) list.Bind(name.study);
  std::vector<v1::Event> events;
  while (true) {
    TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
    if (!has_row) return events;
    TP_ASSIGN_OR_RETURN(v1::Event event, ParseRecord<v1::Event>(list.Bytes(1), [&] {
                          return absl::StrCat("event ", list.Integer(0));
                        }));
    events.push_back(std::move(event));
  }
}

absl::StatusOr<int64_t> SqliteStore::LastRevision() const {
  TP_ASSIGN_OR_RETURN(const SqliteReaders::Snapshot db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(SqliteStatement get, (*db).Prepare(Sql::kLastRevision));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  return is_there ? get.Integer(0) : 0;
}

}  // namespace tpsweep::server
