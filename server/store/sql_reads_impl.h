// The definitions of sql_reads.h: for the engines' .cc files.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "common/status_macros.h"
#include "server/store/paging.h"
#include "server/store/sql.h"
#include "server/store/sql_reads.h"
#include "server/store/store_rules.h"

namespace tpsweep::server {
namespace sql_reads {

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

template <class Connection>
absl::StatusOr<int64_t> StudyId(Connection& db, const StudyName& name) {
  TP_ASSIGN_OR_RETURN(auto get, db.Prepare(Sql::kStudyId));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Bind(name.study).Next());
  if (!is_there) return NoSuch(name);
  return get.Integer(0);
}

// The key of the study that a list is of; kNotFound unless the parent is there.
template <class Connection>
absl::StatusOr<int64_t> FindParent(Connection& db, const ResourceName& parent) {
  TP_ASSIGN_OR_RETURN(const int64_t study, StudyId(db, {parent.study}));
  if (!parent.trial.has_value()) return study;
  TP_ASSIGN_OR_RETURN(auto has, db.Prepare(parent.replicate ? Sql::kHasRun : Sql::kHasTrial));
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
template <size_t N, class Connection, class Bind>
absl::StatusOr<std::vector<Row<N>>> ReadRows(Connection& db, const std::vector<int>& states,
                                             Sql all, Sql in_state, Bind bind) {
  std::vector<Row<N>> rows;
  const auto read = [&](auto& list) -> absl::Status {
    while (true) {
      TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
      if (!has_row) return absl::OkStatus();
      Row<N>& row = rows.emplace_back();
      for (size_t i = 0; i < N; ++i) row.key[i] = list.Integer(static_cast<int>(i));
      row.record = std::string(list.Bytes(N));
    }
  };
  if (states.empty()) {
    TP_ASSIGN_OR_RETURN(auto list, db.Prepare(all));
    bind(list);
    TP_RETURN_IF_ERROR(read(list));
    return rows;
  }
  for (const int state : states) {
    TP_ASSIGN_OR_RETURN(auto list, db.Prepare(in_state));
    bind(list);
    list.Bind(int64_t{state});
    TP_RETURN_IF_ERROR(read(list));
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row<N>& a, const Row<N>& b) { return a.key < b.key; });
  return rows;
}

// One row more than the page has: there is a next page if it comes.
inline int64_t RowLimit(const PageRequest& page) { return PageSize(page) + 1; }

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

}  // namespace sql_reads

template <class Readers>
absl::StatusOr<v1::Study> SqlReads<Readers>::GetStudy(absl::string_view name) const {
  TP_ASSIGN_OR_RETURN(const StudyName study, ParseStudyName(name));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(auto get, (*db).Prepare(Sql::kGetStudy));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Bind(study.study).Next());
  if (!is_there) return NoSuch(study);
  return sql_reads::ParseRecord<v1::Study>(get.Bytes(0), [&] { return name; });
}

template <class Readers>
absl::StatusOr<v1::Run> SqlReads<Readers>::GetRun(absl::string_view name) const {
  TP_ASSIGN_OR_RETURN(const RunName run, ParseRunName(name));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(auto get, (*db).Prepare(Sql::kGetRun));
  get.Bind(run.study).Bind(run.trial).Bind(run.replicate);
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  if (!is_there) return NoSuch(run);
  return sql_reads::ParseRecord<v1::Run>(get.Bytes(0), [&] { return name; });
}

template <class Readers>
absl::StatusOr<Page<v1::Study>> SqlReads<Readers>::ListStudies(const StudyFilter& filter,
                                                               const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<1> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(
      const auto rows,
      sql_reads::ReadRows<1>(
          *db, query.states, Sql::kListStudies, Sql::kListStudiesInState, [&](auto& list) {
            list.Bind(query.after[0]).Bind(filter.name_prefix).Bind(sql_reads::RowLimit(page));
          }));
  return sql_reads::MakePage<v1::Study>(page, query, rows, [&](const Key<1>& key) -> std::string {
    auto get = (*db).Prepare(Sql::kStudyName);
    if (!get.ok() || !get->Bind(key[0]).Next().value_or(false)) return "a study";
    return ToString(StudyName{std::string(get->Bytes(0))});
  });
}

template <class Readers>
absl::StatusOr<Page<v1::Trial>> SqlReads<Readers>::ListTrials(const TrialFilter& filter,
                                                              const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<1> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t study, sql_reads::FindParent(*db, query.parent));
  TP_ASSIGN_OR_RETURN(
      const auto rows,
      sql_reads::ReadRows<1>(
          *db, query.states, Sql::kListTrials, Sql::kListTrialsInState, [&](auto& list) {
            list.Bind(study).Bind(query.after[0]).Bind(sql_reads::RowLimit(page));
          }));
  return sql_reads::MakePage<v1::Trial>(page, query, rows, [&](const Key<1>& key) {
    return ToString(TrialName{query.parent.study, key[0]});
  });
}

template <class Readers>
absl::StatusOr<Page<v1::Run>> SqlReads<Readers>::ListRuns(const RunFilter& filter,
                                                          const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<2> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t study, sql_reads::FindParent(*db, query.parent));
  TP_ASSIGN_OR_RETURN(
      const auto rows,
      sql_reads::ReadRows<2>(*db, query.states, Sql::kListRuns, Sql::kListRunsInState,
                             [&](auto& list) {
                               list.Bind(study).Bind(query.after[0]).Bind(query.after[1]);
                               list.Bind(query.last[0]).Bind(sql_reads::RowLimit(page));
                             }));
  return sql_reads::MakePage<v1::Run>(page, query, rows, [&](const Key<2>& key) {
    return ToString(RunName{query.parent.study, key[0], key[1]});
  });
}

template <class Readers>
absl::StatusOr<Page<v1::MeasurementRecord>> SqlReads<Readers>::ListMeasurements(
    const MeasurementFilter& filter, const PageRequest& page) const {
  TP_ASSIGN_OR_RETURN(const ListQuery<4> query, PlanList(filter, page));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t study, sql_reads::FindParent(*db, query.parent));
  TP_ASSIGN_OR_RETURN(
      auto list,
      (*db).Prepare(filter.all_attempts ? Sql::kListMeasurements : Sql::kListCountedMeasurements));
  list.Bind(study);
  for (const int64_t part : query.after) list.Bind(part);
  list.Bind(query.last[0]).Bind(query.last[1]).Bind(sql_reads::RowLimit(page));
  PageBuilder<v1::MeasurementRecord, 4> builder(page, query.list);
  while (true) {
    TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
    if (!has_row) break;
    const Key<4> key = {list.Integer(0), list.Integer(1), list.Integer(2), list.Integer(3)};
    v1::MeasurementRecord record;
    record.set_attempt(ToString(AttemptName{query.parent.study, key[0], key[1], key[2]}));
    TP_ASSIGN_OR_RETURN(*record.mutable_measurement(),
                        sql_reads::ParseRecord<v1::Measurement>(list.Bytes(4), [&] {
                          return absl::StrCat("measurement ", key[3], " of ", record.attempt());
                        }));
    if (!builder.Add(key, std::move(record))) break;
  }
  return std::move(builder).Build();
}

template <class Readers>
absl::StatusOr<std::vector<v1::Attempt>> SqlReads<Readers>::OpenAttempts() const {
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(auto list, (*db).Prepare(Sql::kOpenAttempts));
  std::vector<v1::Attempt> attempts;
  while (true) {
    TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
    if (!has_row) return attempts;
    const AttemptName name{std::string(list.Bytes(0)), list.Integer(1), list.Integer(2),
                           list.Integer(3)};
    TP_ASSIGN_OR_RETURN(v1::Attempt attempt, sql_reads::ParseRecord<v1::Attempt>(
                                                 list.Bytes(4), [&] { return ToString(name); }));
    attempts.push_back(std::move(attempt));
  }
}

template <class Readers>
absl::StatusOr<int64_t> SqlReads<Readers>::LastSequence(absl::string_view attempt) const {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(attempt));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  const absl::StatusOr<int64_t> study = sql_reads::StudyId(*db, {name.study});
  if (absl::IsNotFound(study.status())) return 0;
  if (!study.ok()) return study.status();
  TP_ASSIGN_OR_RETURN(auto get, (*db).Prepare(Sql::kLastSequence));
  get.Bind(*study).Bind(name.trial).Bind(name.replicate).Bind(name.attempt);
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  return is_there ? get.Integer(0) : 0;
}

template <class Readers>
absl::StatusOr<std::vector<v1::Trial>> SqlReads<Readers>::BestTrials(absl::string_view study,
                                                                     v1::Goal goal,
                                                                     int count) const {
  TP_ASSIGN_OR_RETURN(const StudyName name, ParseStudyName(study));
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(const int64_t id, sql_reads::StudyId(*db, name));
  std::vector<v1::Trial> best;
  for (const Sql sql : {goal == v1::GOAL_MAXIMIZE ? Sql::kBestDescending : Sql::kBestAscending,
                        Sql::kBestWithoutObjective}) {
    const int64_t wanted = std::max<int64_t>(count, 0) - static_cast<int64_t>(best.size());
    TP_ASSIGN_OR_RETURN(auto list, (*db).Prepare(sql));
    list.Bind(id).Bind(wanted);
    while (true) {
      TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
      if (!has_row) break;
      TP_ASSIGN_OR_RETURN(v1::Trial trial, sql_reads::ParseRecord<v1::Trial>(list.Bytes(1), [&] {
                            return ToString(TrialName{name.study, list.Integer(0)});
                          }));
      best.push_back(std::move(trial));
    }
  }
  return best;
}

template <class Readers>
absl::StatusOr<std::vector<v1::Event>> SqlReads<Readers>::ListEvents(absl::string_view study,
                                                                     int64_t after_revision,
                                                                     int limit) const {
  StudyName name;
  if (!study.empty()) {
    TP_ASSIGN_OR_RETURN(name, ParseStudyName(study));
  }
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(auto list,
                      (*db).Prepare(study.empty() ? Sql::kListEvents : Sql::kListStudyEvents));
  list.Bind(after_revision).Bind(int64_t{std::max(limit, 0)});
  if (!study.empty()) list.Bind(name.study);
  std::vector<v1::Event> events;
  while (true) {
    TP_ASSIGN_OR_RETURN(const bool has_row, list.Next());
    if (!has_row) return events;
    TP_ASSIGN_OR_RETURN(v1::Event event, sql_reads::ParseRecord<v1::Event>(list.Bytes(1), [&] {
                          return absl::StrCat("event ", list.Integer(0));
                        }));
    events.push_back(std::move(event));
  }
}

template <class Readers>
absl::StatusOr<int64_t> SqlReads<Readers>::LastRevision() const {
  TP_ASSIGN_OR_RETURN(const auto db, readers_.Begin());
  TP_ASSIGN_OR_RETURN(auto get, (*db).Prepare(Sql::kLastRevision));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  return is_there ? get.Integer(0) : 0;
}

}  // namespace tpsweep::server
