#include "server/store/postgres_writer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/names.h"
#include "common/status_macros.h"
#include "server/store/commit_check.h"
#include "server/store/postgres_lease.h"
#include "server/store/store_rules.h"

namespace tpsweep::server {
namespace {

using Of = PostgresArray::Of;

// Commits go one at a time, whoever makes them: revisions only grow.
constexpr char kLockRevisions[] = "SELECT last FROM revisions FOR UPDATE";

constexpr char kStoredStudies[] = "SELECT name FROM studies WHERE name = ANY($1::text[])";
constexpr char kStoredTrials[] =
    "SELECT n.study, n.number FROM unnest($1::text[], $2::bigint[]) AS n(study, number)"
    " JOIN studies AS s ON s.name = n.study"
    " JOIN trials AS t ON t.study = s.id AND t.number = n.number";
constexpr char kStoredRuns[] =
    "SELECT n.study, n.trial, n.replicate"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n(study, trial, replicate)"
    " JOIN studies AS s ON s.name = n.study"
    " JOIN runs AS r ON r.study = s.id AND r.trial = n.trial AND r.replicate = n.replicate";
constexpr char kStoredAttempts[] =
    "SELECT n.study, n.trial, n.replicate, n.number"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])"
    " AS n(study, trial, replicate, number)"
    " JOIN studies AS s ON s.name = n.study"
    " JOIN attempts AS a ON a.study = s.id AND a.trial = n.trial AND a.replicate = n.replicate"
    " AND a.number = n.number";

constexpr const char* kDeletes[] = {
    "DELETE FROM measurements WHERE study IN (SELECT id FROM studies WHERE name = ANY($1))",
    "DELETE FROM attempts WHERE study IN (SELECT id FROM studies WHERE name = ANY($1))",
    "DELETE FROM runs WHERE study IN (SELECT id FROM studies WHERE name = ANY($1))",
    "DELETE FROM trials WHERE study IN (SELECT id FROM studies WHERE name = ANY($1))",
    "DELETE FROM studies WHERE name = ANY($1)",
    "DELETE FROM events WHERE study = ANY($1)"};

constexpr char kPutStudies[] =
    "INSERT INTO studies(name, state, record)"
    " SELECT n.name, n.state, n.record FROM unnest($1::text[], $2::bigint[], $3::bytea[])"
    " WITH ORDINALITY AS n(name, state, record, place) ORDER BY n.place"
    " ON CONFLICT(name) DO UPDATE SET state = excluded.state, record = excluded.record";
constexpr char kPutTrials[] =
    "INSERT INTO trials(study, number, state, objective, record)"
    " SELECT s.id, n.number, n.state, n.objective, n.record"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::float8[], $5::bytea[])"
    " AS n(study, number, state, objective, record) JOIN studies AS s ON s.name = n.study"
    " ON CONFLICT(study, number) DO UPDATE SET state = excluded.state,"
    " objective = excluded.objective, record = excluded.record";
constexpr char kPutRuns[] =
    "INSERT INTO runs(study, trial, replicate, state, record)"
    " SELECT s.id, n.trial, n.replicate, n.state, n.record"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])"
    " AS n(study, trial, replicate, state, record) JOIN studies AS s ON s.name = n.study"
    " ON CONFLICT(study, trial, replicate) DO UPDATE SET state = excluded.state,"
    " record = excluded.record";
constexpr char kPutAttempts[] =
    "INSERT INTO attempts(study, trial, replicate, number, outcome, start, record)"
    " SELECT s.id, n.trial, n.replicate, n.number, n.outcome, n.start, n.record"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
    " $6::bigint[], $7::bytea[]) AS n(study, trial, replicate, number, outcome, start, record)"
    " JOIN studies AS s ON s.name = n.study"
    " ON CONFLICT(study, trial, replicate, number) DO UPDATE SET outcome = excluded.outcome,"
    " start = excluded.start, record = excluded.record";
constexpr char kPutMeasurements[] =
    "INSERT INTO measurements(study, trial, replicate, attempt, sequence, record)"
    " SELECT s.id, n.trial, n.replicate, n.attempt, n.sequence, n.record"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])"
    " AS n(study, trial, replicate, attempt, sequence, record)"
    " JOIN studies AS s ON s.name = n.study"
    " ON CONFLICT(study, trial, replicate, attempt, sequence) DO NOTHING";
constexpr char kRemoveMeasurements[] =
    "DELETE FROM measurements AS m"
    " USING unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])"
    " AS n(study, trial, replicate, attempt, sequence), studies AS s"
    " WHERE s.name = n.study AND m.study = s.id AND m.trial = n.trial"
    " AND m.replicate = n.replicate AND m.attempt = n.attempt AND m.sequence = n.sequence";
constexpr char kPutEvents[] =
    "INSERT INTO events(revision, study, record)"
    " SELECT n.revision, n.study, n.record"
    " FROM unnest($1::bigint[], $2::text[], $3::bytea[]) AS n(revision, study, record)";
constexpr char kPutLastRevision[] = "UPDATE revisions SET last = $1";

// Names as columns: the study, and N numbers.
template <size_t N>
class NameColumns {
 public:
  void Add(const std::string& study, const Key<N>& numbers) {
    study_.Add(absl::string_view(study));
    for (size_t i = 0; i < N; ++i) numbers_[i].Add(numbers[i]);
  }
  // The first parameters of a statement.
  PostgresQuery Query(const char* text) const {
    PostgresQuery query(text);
    query.Bind(study_);
    for (const PostgresArray& column : numbers_) query.Bind(column);
    return query;
  }

 private:
  PostgresArray study_{Of::kText};
  std::vector<PostgresArray> numbers_ = std::vector<PostgresArray>(N, PostgresArray(Of::kInteger));
};

Key<0> Numbers(const StudyName&) { return {}; }
Key<1> Numbers(const TrialName& name) { return {name.trial}; }
Key<2> Numbers(const RunName& name) { return {name.trial, name.replicate}; }
Key<3> Numbers(const AttemptName& name) { return {name.trial, name.replicate, name.attempt}; }

// What the database has of the names that the batches need to be there.
class Stored final : public StoredNames {
 public:
  explicit Stored(absl::Span<const WriteBatch> batches) {
    for (const WriteBatch& batch : batches) Need(batch);
  }

  // Four queries, and their results.
  void Ask(std::vector<PostgresQuery>& queries) const {
    queries.push_back(Columns<0>(studies_).Query(kStoredStudies));
    queries.push_back(Columns<1>(trials_).Query(kStoredTrials));
    queries.push_back(Columns<2>(runs_).Query(kStoredRuns));
    queries.push_back(Columns<3>(attempts_).Query(kStoredAttempts));
  }
  void Read(absl::Span<const PostgresResult> results) {
    studies_.clear();
    trials_.clear();
    runs_.clear();
    attempts_.clear();
    ForEach(results[0], [&](const std::string& study, auto) { studies_.insert({study}); });
    ForEach(results[1], [&](const std::string& study, auto number) {
      trials_.insert({study, number(1)});
    });
    ForEach(results[2], [&](const std::string& study, auto number) {
      runs_.insert({study, number(1), number(2)});
    });
    ForEach(results[3], [&](const std::string& study, auto number) {
      attempts_.insert({study, number(1), number(2), number(3)});
    });
  }

  bool Has(const StudyName& name) const override { return studies_.contains(name); }
  bool Has(const TrialName& name) const override { return trials_.contains(name); }
  bool Has(const RunName& name) const override { return runs_.contains(name); }
  bool Has(const AttemptName& name) const override { return attempts_.contains(name); }

 private:
  // Names that are none are left to the check.
  void Need(const WriteBatch& batch) {
    for (const v1::Trial& record : batch.trials) {
      if (const auto name = ParseTrialName(record.name()); name.ok()) Need(ParentOf(*name));
    }
    for (const v1::Run& record : batch.runs) {
      if (const auto name = ParseRunName(record.name()); name.ok()) Need(ParentOf(*name));
    }
    for (const v1::Attempt& record : batch.attempts) {
      if (const auto name = ParseAttemptName(record.name()); name.ok()) Need(ParentOf(*name));
    }
    const std::string* last = nullptr;  // those of one attempt come together
    for (const v1::MeasurementRecord& record : batch.measurements) {
      if (last != nullptr && *last == record.attempt()) continue;
      last = &record.attempt();
      if (const auto name = ParseAttemptName(record.attempt()); name.ok()) Need(*name);
    }
  }
  void Need(const StudyName& name) { studies_.insert(name); }
  void Need(const TrialName& name) {
    Need(StudyName{name.study});
    trials_.insert(name);
  }
  void Need(const RunName& name) {
    Need(StudyName{name.study});
    runs_.insert(name);
  }
  void Need(const AttemptName& name) {
    Need(StudyName{name.study});
    attempts_.insert(name);
  }

  template <size_t N, class Names>
  static NameColumns<N> Columns(const Names& names) {
    NameColumns<N> columns;
    for (const auto& name : names) columns.Add(name.study, Numbers(name));
    return columns;
  }
  // `see` gets the study and a function from a column to its number.
  template <class See>
  static void ForEach(const PostgresResult& result, See see) {
    for (int row = 0; row < result.rows(); ++row) {
      see(std::string(result.Bytes(row, 0)),
          [&result, row](int column) { return result.Integer(row, column); });
    }
  }

  std::set<StudyName> studies_;
  std::set<TrialName> trials_;
  std::set<RunName> runs_;
  std::set<AttemptName> attempts_;
};

// What batches that have passed the check come to: of each name the last record, and of
// each measurement the first.
class Changes {
 public:
  void Add(const WriteBatch& batch) {
    for (const std::string& name : batch.deleted_studies) Delete(ParseStudyName(name)->study);
    for (const v1::Study& record : batch.studies) {
      const StudyName name = *ParseStudyName(record.name());
      if (studies_.insert_or_assign(name, &record).second) new_studies_.push_back(name);
    }
    for (const v1::Trial& record : batch.trials) trials_[*ParseTrialName(record.name())] = &record;
    for (const v1::Run& record : batch.runs) runs_[*ParseRunName(record.name())] = &record;
    for (const v1::Attempt& record : batch.attempts) {
      attempts_[*ParseAttemptName(record.name())] = &record;
    }
    for (const v1::MeasurementRecord& record : batch.measurements) {
      const v1::Measurement& measurement = record.measurement();
      measurements_.try_emplace({*ParseAttemptName(record.attempt()), measurement.sequence()},
                                &measurement);
    }
    for (const Thinning& thinning : batch.thinnings) {
      const AttemptName name = *ParseAttemptName(thinning.attempt);
      for (const int64_t sequence : thinning.sequences) {
        measurements_.erase({name, sequence});
        removed_.insert({name, sequence});
      }
    }
    for (const v1::Event& record : batch.events) {
      events_[record.revision()] = {StudyOfEvent(record), &record};
      last_revision_ = record.revision();
    }
  }

  std::vector<PostgresQuery> Queries() const {
    std::vector<PostgresQuery> queries;
    if (!deleted_.empty()) {
      PostgresArray names(Of::kText);
      for (const std::string& study : deleted_) names.Add(absl::string_view(study));
      for (const char* const text : kDeletes) queries.push_back(PostgresQuery(text).Bind(names));
    }
    if (!studies_.empty()) queries.push_back(PutStudies());
    if (!trials_.empty()) queries.push_back(PutTrials());
    if (!runs_.empty()) queries.push_back(PutRuns());
    if (!attempts_.empty()) queries.push_back(PutAttempts());
    // Before those that come, because one that comes again after its removal stays.
    if (!removed_.empty()) queries.push_back(RemoveMeasurements());
    if (!measurements_.empty()) queries.push_back(PutMeasurements());
    if (!events_.empty()) queries.push_back(PutEvents());
    if (last_revision_ > 0) {
      queries.push_back(PostgresQuery(kPutLastRevision).Bind(last_revision_));
    }
    return queries;
  }

 private:
  void Delete(const std::string& study) {
    deleted_.insert(study);
    const auto is_of_study = [&](const auto& entry) { return entry.first.study == study; };
    std::erase_if(studies_, is_of_study);
    std::erase(new_studies_, StudyName{study});
    std::erase_if(trials_, is_of_study);
    std::erase_if(runs_, is_of_study);
    std::erase_if(attempts_, is_of_study);
    std::erase_if(measurements_,
                  [&](const auto& entry) { return entry.first.first.study == study; });
    std::erase_if(events_, [&](const auto& entry) { return entry.second.first == study; });
  }

  // In the order in which they come first: that of their creation.
  PostgresQuery PutStudies() const {
    NameColumns<0> names;
    PostgresArray states(Of::kInteger), records(Of::kBytes);
    for (const StudyName& name : new_studies_) {
      const v1::Study& record = *studies_.at(name);
      names.Add(name.study, {});
      states.Add(int64_t{record.state()});
      records.Add(record);
    }
    return names.Query(kPutStudies).Bind(states).Bind(records);
  }

  PostgresQuery PutTrials() const {
    NameColumns<1> names;
    PostgresArray states(Of::kInteger), objectives(Of::kReal), records(Of::kBytes);
    for (const auto& [name, record] : trials_) {
      names.Add(name.study, Numbers(name));
      states.Add(int64_t{record->state()});
      if (record->has_objective() && !std::isnan(record->objective())) {
        objectives.Add(record->objective());
      } else {
        objectives.AddNull();
      }
      records.Add(*record);
    }
    return names.Query(kPutTrials).Bind(states).Bind(objectives).Bind(records);
  }

  PostgresQuery PutRuns() const {
    NameColumns<2> names;
    PostgresArray states(Of::kInteger), records(Of::kBytes);
    for (const auto& [name, record] : runs_) {
      names.Add(name.study, Numbers(name));
      states.Add(int64_t{record->state()});
      records.Add(*record);
    }
    return names.Query(kPutRuns).Bind(states).Bind(records);
  }

  PostgresQuery PutAttempts() const {
    NameColumns<3> names;
    PostgresArray outcomes(Of::kInteger), starts(Of::kInteger), records(Of::kBytes);
    for (const auto& [name, record] : attempts_) {
      names.Add(name.study, Numbers(name));
      outcomes.Add(int64_t{record->outcome()});
      starts.Add(int64_t{record->start_sequence()});
      records.Add(*record);
    }
    return names.Query(kPutAttempts).Bind(outcomes).Bind(starts).Bind(records);
  }

  PostgresQuery PutMeasurements() const {
    NameColumns<3> names;
    PostgresArray sequences(Of::kInteger), records(Of::kBytes);
    for (const auto& [key, record] : measurements_) {
      names.Add(key.first.study, Numbers(key.first));
      sequences.Add(key.second);
      records.Add(*record);
    }
    return names.Query(kPutMeasurements).Bind(sequences).Bind(records);
  }

  PostgresQuery RemoveMeasurements() const {
    NameColumns<3> names;
    PostgresArray sequences(Of::kInteger);
    for (const auto& [attempt, sequence] : removed_) {
      names.Add(attempt.study, Numbers(attempt));
      sequences.Add(sequence);
    }
    return names.Query(kRemoveMeasurements).Bind(sequences);
  }

  PostgresQuery PutEvents() const {
    PostgresArray revisions(Of::kInteger), studies(Of::kText), records(Of::kBytes);
    for (const auto& [revision, event] : events_) {
      revisions.Add(revision);
      studies.Add(absl::string_view(event.first));
      records.Add(*event.second);
    }
    return PostgresQuery(kPutEvents).Bind(revisions).Bind(studies).Bind(records);
  }

  std::set<std::string> deleted_;
  std::map<StudyName, const v1::Study*> studies_;
  std::vector<StudyName> new_studies_;
  std::map<TrialName, const v1::Trial*> trials_;
  std::map<RunName, const v1::Run*> runs_;
  std::map<AttemptName, const v1::Attempt*> attempts_;
  std::map<std::pair<AttemptName, int64_t>, const v1::Measurement*> measurements_;
  std::set<std::pair<AttemptName, int64_t>> removed_;
  std::map<int64_t, std::pair<std::string, const v1::Event*>> events_;  // with their studies
  int64_t last_revision_ = 0;
};

}  // namespace

absl::Status WriteBatches(PostgresConnection& connection, int64_t epoch,
                          absl::Span<const WriteBatch> batches) {
  Stored stored(batches);
  std::vector<PostgresQuery> queries = {HoldLease(epoch), PostgresQuery(kLockRevisions)};
  stored.Ask(queries);
  TP_ASSIGN_OR_RETURN(const std::vector<PostgresResult> found, connection.Run(queries));
  TP_RETURN_IF_ERROR(CheckHeld(found[0]));
  stored.Read(absl::MakeSpan(found).subspan(2));

  CommitCheck check(stored, found[1].Integer(0, 0));
  Changes changes;
  for (const WriteBatch& batch : batches) {
    TP_RETURN_IF_ERROR(check.Check(batch));
    changes.Add(batch);
  }
  queries = changes.Queries();
  queries.push_back(PostgresQuery("COMMIT"));
  return connection.Run(queries).status();
}

}  // namespace tpsweep::server
