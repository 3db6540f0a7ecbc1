#include "server/store/sqlite_writer.h"

#include <cmath>

#include "common/status_macros.h"
#include "server/store/store_rules.h"

namespace tpsweep::server {

absl::Status SqliteWriter::Write(const WriteBatch& batch) {
  for (const std::string& study : batch.deleted_studies) TP_RETURN_IF_ERROR(Delete(study));
  for (const v1::Study& record : batch.studies) TP_RETURN_IF_ERROR(Put(record));
  for (const v1::Trial& record : batch.trials) TP_RETURN_IF_ERROR(Put(record));
  for (const v1::Run& record : batch.runs) TP_RETURN_IF_ERROR(Put(record));
  for (const v1::Attempt& record : batch.attempts) TP_RETURN_IF_ERROR(Put(record));
  for (const v1::MeasurementRecord& record : batch.measurements) TP_RETURN_IF_ERROR(Put(record));
  for (const Thinning& thinning : batch.thinnings) TP_RETURN_IF_ERROR(Remove(thinning));
  for (const v1::Event& record : batch.events) TP_RETURN_IF_ERROR(Put(record));
  return absl::OkStatus();
}

absl::Status SqliteWriter::Delete(const std::string& study) {
  TP_ASSIGN_OR_RETURN(const StudyName name, ParseStudyName(study));
  const absl::StatusOr<int64_t> id = Find(name);
  if (!id.ok() && !absl::IsNotFound(id.status())) return id.status();
  if (id.ok()) {
    for (const SqliteWrite sql :
         {SqliteWrite::kDeleteMeasurements, SqliteWrite::kDeleteAttempts, SqliteWrite::kDeleteRuns,
          SqliteWrite::kDeleteTrials, SqliteWrite::kDeleteStudy}) {
      TP_ASSIGN_OR_RETURN(SqliteStatement statement, connection_.Prepare(sql));
      TP_RETURN_IF_ERROR(statement.Bind(*id).Run());
    }
    studies_.erase(name.study);
    trials_.clear();
    runs_.clear();
    attempts_.clear();
  }
  TP_ASSIGN_OR_RETURN(SqliteStatement events, connection_.Prepare(SqliteWrite::kDeleteEvents));
  return events.Bind(name.study).Run();
}

absl::Status SqliteWriter::Put(const v1::Study& record) {
  TP_ASSIGN_OR_RETURN(const StudyName name, ParseStudyName(record.name()));
  TP_ASSIGN_OR_RETURN(SqliteStatement put, connection_.Prepare(SqliteWrite::kPutStudy));
  return put.Bind(name.study).Bind(int64_t{record.state()}).Bind(record).Run();
}

absl::Status SqliteWriter::Put(const v1::Trial& record) {
  TP_ASSIGN_OR_RETURN(const TrialName name, ParseTrialName(record.name()));
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(ParentOf(name)));
  TP_ASSIGN_OR_RETURN(SqliteStatement put, connection_.Prepare(SqliteWrite::kPutTrial));
  put.Bind(study).Bind(name.trial).Bind(int64_t{record.state()});
  if (record.has_objective() && !std::isnan(record.objective())) {
    put.Bind(record.objective());
  } else {
    put.BindNull();
  }
  TP_RETURN_IF_ERROR(put.Bind(record).Run());
  trials_.insert(name);
  return absl::OkStatus();
}

absl::Status SqliteWriter::Put(const v1::Run& record) {
  TP_ASSIGN_OR_RETURN(const RunName name, ParseRunName(record.name()));
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(ParentOf(name)));
  TP_ASSIGN_OR_RETURN(SqliteStatement put, connection_.Prepare(SqliteWrite::kPutRun));
  put.Bind(study).Bind(name.trial).Bind(name.replicate);
  put.Bind(int64_t{record.state()}).Bind(int64_t{record.attempt()}).Bind(record);
  TP_RETURN_IF_ERROR(put.Run());
  runs_.insert(name);
  return absl::OkStatus();
}

absl::Status SqliteWriter::Put(const v1::Attempt& record) {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(record.name()));
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(ParentOf(name)));
  TP_ASSIGN_OR_RETURN(SqliteStatement put, connection_.Prepare(SqliteWrite::kPutAttempt));
  put.Bind(study).Bind(name.trial).Bind(name.replicate).Bind(name.attempt);
  put.Bind(int64_t{record.outcome()}).Bind(int64_t{record.start_sequence()}).Bind(record);
  TP_RETURN_IF_ERROR(put.Run());
  attempts_.insert(name);
  return absl::OkStatus();
}

absl::Status SqliteWriter::Put(const v1::MeasurementRecord& record) {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(record.attempt()));
  TP_RETURN_IF_ERROR(CheckSequence(record));
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(name));
  TP_ASSIGN_OR_RETURN(SqliteStatement put, connection_.Prepare(SqliteWrite::kPutMeasurement));
  put.Bind(study).Bind(name.trial).Bind(name.replicate).Bind(name.attempt);
  return put.Bind(int64_t{record.measurement().sequence()}).Bind(record.measurement()).Run();
}

absl::Status SqliteWriter::Remove(const Thinning& thinning) {
  TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(thinning.attempt));
  const absl::StatusOr<int64_t> study = Find(StudyName{name.study});
  if (absl::IsNotFound(study.status())) return absl::OkStatus();
  TP_RETURN_IF_ERROR(study.status());
  for (const int64_t sequence : thinning.sequences) {
    TP_ASSIGN_OR_RETURN(SqliteStatement remove,
                        connection_.Prepare(SqliteWrite::kRemoveMeasurement));
    remove.Bind(*study).Bind(name.trial).Bind(name.replicate).Bind(name.attempt).Bind(sequence);
    TP_RETURN_IF_ERROR(remove.Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteWriter::Put(const v1::Event& record) {
  TP_ASSIGN_OR_RETURN(const int64_t last, LastRevision());
  TP_RETURN_IF_ERROR(CheckRevision(record, last));
  TP_ASSIGN_OR_RETURN(SqliteStatement put, connection_.Prepare(SqliteWrite::kPutEvent));
  TP_RETURN_IF_ERROR(
      put.Bind(int64_t{record.revision()}).Bind(StudyOfEvent(record)).Bind(record).Run());
  last_revision_ = record.revision();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SqliteWriter::Find(const StudyName& name) {
  const auto known = studies_.find(name.study);
  if (known != studies_.end()) return known->second;
  TP_ASSIGN_OR_RETURN(SqliteStatement get, connection_.Prepare(Sql::kStudyId));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Bind(name.study).Next());
  if (!is_there) return NoSuch(name);
  return studies_[name.study] = get.Integer(0);
}

absl::StatusOr<int64_t> SqliteWriter::Find(const TrialName& name) {
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(ParentOf(name)));
  if (trials_.contains(name)) return study;
  TP_ASSIGN_OR_RETURN(SqliteStatement get, connection_.Prepare(Sql::kHasTrial));
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Bind(study).Bind(name.trial).Next());
  if (!is_there) return NoSuch(name);
  trials_.insert(name);
  return study;
}

absl::StatusOr<int64_t> SqliteWriter::Find(const RunName& name) {
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(StudyName{name.study}));
  if (runs_.contains(name)) return study;
  TP_ASSIGN_OR_RETURN(SqliteStatement get, connection_.Prepare(Sql::kHasRun));
  get.Bind(study).Bind(name.trial).Bind(name.replicate);
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  if (!is_there) return NoSuch(name);
  runs_.insert(name);
  return study;
}

absl::StatusOr<int64_t> SqliteWriter::Find(const AttemptName& name) {
  TP_ASSIGN_OR_RETURN(const int64_t study, Find(StudyName{name.study}));
  if (attempts_.contains(name)) return study;
  TP_ASSIGN_OR_RETURN(SqliteStatement get, connection_.Prepare(Sql::kHasAttempt));
  get.Bind(study).Bind(name.trial).Bind(name.replicate).Bind(name.attempt);
  TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
  if (!is_there) return NoSuch(name);
  attempts_.insert(name);
  return study;
}

absl::StatusOr<int64_t> SqliteWriter::LastRevision() {
  if (!last_revision_.has_value()) {
    TP_ASSIGN_OR_RETURN(SqliteStatement get, connection_.Prepare(Sql::kLastRevision));
    TP_ASSIGN_OR_RETURN(const bool is_there, get.Next());
    last_revision_ = is_there ? get.Integer(0) : 0;
  }
  return *last_revision_;
}

}  // namespace tpsweep::server
