#include "server/coordinator/compaction.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/names.h"
#include "common/spec/objective_checks.h"
#include "common/status_macros.h"
#include "server/coordinator/change.h"
#include "server/coordinator/read_all.h"

namespace tpsweep::server {
namespace {

// Measurements that go in one transaction, about.
constexpr int64_t kRemovedPerCommit = 5000;

std::optional<double> ValueOf(const v1::Measurement& measurement, const std::string& metric) {
  const auto entry = spec::ParseEntry(metric);
  if (!entry.has_value()) {
    const auto scalar = measurement.scalars().find(metric);
    if (scalar == measurement.scalars().end()) return std::nullopt;
    return scalar->second;
  }
  const auto vector = measurement.vectors().find(entry->vector);
  if (vector == measurement.vectors().end() || vector->second.values_size() < entry->layer) {
    return std::nullopt;
  }
  return vector->second.values(entry->layer - 1);
}

// The measurements of a trial, and the epochs of which they stay.
class TrialMeasurements {
 public:
  TrialMeasurements(const v1::Study& study, const v1::Trial& trial) : study_(study), trial_(trial) {
    for (const v1::Rung& rung : trial.rungs()) kept_.insert(rung.epochs());
  }

  absl::Status Read(const Store& store) {
    const auto list = [&](bool all_attempts) {
      return [&store, this, all_attempts](const PageRequest& page) {
        return store.ListMeasurements({trial_.name(), all_attempts}, page);
      };
    };
    TP_RETURN_IF_ERROR(
        ForEach<v1::MeasurementRecord>(list(true), [&](const v1::MeasurementRecord& record) {
          epochs_[record.attempt()].try_emplace(record.measurement().sequence());
          return absl::OkStatus();
        }));
    TP_RETURN_IF_ERROR(ForEach<v1::MeasurementRecord>(
        list(false), [&](const v1::MeasurementRecord& record) -> absl::Status {
          TP_ASSIGN_OR_RETURN(const AttemptName attempt, ParseAttemptName(record.attempt()));
          if (attempt.replicate != replicate_) EndRun();
          replicate_ = attempt.replicate;
          Count(record);
          return absl::OkStatus();
        }));
    EndRun();
    return absl::OkStatus();
  }

  int64_t size() const {
    int64_t size = 0;
    for (const auto& [attempt, epochs] : epochs_) size += static_cast<int64_t>(epochs.size());
    return size;
  }

  std::vector<Thinning> Thinnings(int64_t keep_every) const {
    std::vector<Thinning> thinnings;
    for (const auto& [attempt, epochs] : epochs_) {
      Thinning thinning{attempt, {}};
      for (const auto& [sequence, epoch] : epochs) {
        const bool stays =
            epoch.has_value() && (*epoch % keep_every == 0 || kept_.contains(*epoch));
        if (!stays) thinning.sequences.push_back(sequence);
      }
      if (!thinning.sequences.empty()) thinnings.push_back(std::move(thinning));
    }
    return thinnings;
  }

 private:
  // The next measurement that counts of a run.
  void Count(const v1::MeasurementRecord& record) {
    const v1::Measurement& measurement = record.measurement();
    const int64_t epoch = measurement.epoch();
    epochs_[record.attempt()][measurement.sequence()] = epoch;
    if (!last_.has_value()) kept_.insert(epoch);
    last_ = epoch;
    if (const auto selected = ValueOf(measurement, "selected/epoch")) selected_ = *selected;
    const v1::Objective& objective = study_.spec().objective();
    const auto value = ValueOf(measurement, objective.metric());
    if (!value.has_value() || std::isnan(*value)) return;
    const double loss = objective.goal() == v1::GOAL_MAXIMIZE ? -*value : *value;
    if (!best_.has_value() || loss < best_->first) best_ = {loss, epoch};
  }

  void EndRun() {
    if (last_.has_value()) kept_.insert(*last_);
    if (best_.has_value()) kept_.insert(best_->second);
    // As a measurement it is a real number; foreign ones may be any.
    if (selected_ >= 0 && selected_ < 1e15) kept_.insert(std::llround(selected_));
    last_.reset();
    best_.reset();
    selected_ = -1;
  }

  const v1::Study& study_;
  const v1::Trial& trial_;
  // By attempt and sequence; none: it does not count.
  std::map<std::string, std::map<int64_t, std::optional<int64_t>>> epochs_;
  std::set<int64_t> kept_;
  // Of the run at hand.
  int64_t replicate_ = -1;
  std::optional<int64_t> last_;
  std::optional<std::pair<double, int64_t>> best_;  // loss, epoch
  double selected_ = -1;
};

absl::Status CommitOne(Store& store, WriteBatch batch) { return store.Commit({&batch, 1}); }

absl::StatusOr<CompactedStudy> CompactStudy(const CompactionOptions& options, v1::Study study,
                                            Store& store, absl::Time now) {
  CompactedStudy result{study.spec().study()};
  TP_ASSIGN_OR_RETURN(const std::vector<v1::Trial> trials, TrialsOf(store, study.name()));
  WriteBatch batch;
  int64_t in_batch = 0;
  for (const v1::Trial& trial : trials) {
    TrialMeasurements measurements(study, trial);
    TP_RETURN_IF_ERROR(measurements.Read(store));
    result.measurements += measurements.size();
    for (Thinning& thinning : measurements.Thinnings(options.keep_every)) {
      in_batch += static_cast<int64_t>(thinning.sequences.size());
      batch.thinnings.push_back(std::move(thinning));
    }
    if (in_batch < kRemovedPerCommit) continue;
    result.removed += std::exchange(in_batch, 0);
    const WriteBatch full = std::exchange(batch, {});
    if (!options.is_dry) TP_RETURN_IF_ERROR(CommitOne(store, full));
  }
  result.removed += in_batch;
  if (options.is_dry) return result;

  // With the last of them: a study that has the mark is done.
  *study.mutable_compaction()->mutable_time() = ToProto(now);
  study.mutable_compaction()->set_keep_every(options.keep_every);
  TP_ASSIGN_OR_RETURN(const int64_t revision, store.LastRevision());
  v1::Event& event = batch.events.emplace_back();
  event.set_revision(revision + 1);
  *event.mutable_time() = ToProto(now);
  event.set_type("study.compacted");
  event.set_resource(study.name());
  *event.mutable_study() = study;
  event.set_message(absl::StrCat(result.removed, " of ", result.measurements,
                                 " measurements removed; left is one epoch in ",
                                 options.keep_every));
  batch.studies.push_back(std::move(study));
  TP_RETURN_IF_ERROR(CommitOne(store, std::move(batch)));
  return result;
}

bool Concerns(const CompactionOptions& options, const v1::Study& study) {
  const absl::Time end = FromProto(study.end_time());
  if (!study.has_end_time() || end >= options.ended_before) return false;
  const bool is_done = study.has_compaction() &&
                       study.compaction().keep_every() == options.keep_every &&
                       FromProto(study.compaction().time()) >= end;
  return !is_done;
}

}  // namespace

absl::StatusOr<std::vector<CompactedStudy>> Compact(const CompactionOptions& options, Store& store,
                                                    absl::Time now) {
  std::vector<v1::Study> studies;
  TP_RETURN_IF_ERROR(ForEach<v1::Study>(
      [&](const PageRequest& page) {
        return store.ListStudies({{v1::STUDY_STATE_COMPLETED, v1::STUDY_STATE_CANCELLED}, ""},
                                 page);
      },
      [&](v1::Study study) {
        if (Concerns(options, study)) studies.push_back(std::move(study));
        return absl::OkStatus();
      }));
  std::vector<CompactedStudy> compacted;
  for (v1::Study& study : studies) {
    TP_ASSIGN_OR_RETURN(compacted.emplace_back(),
                        CompactStudy(options, std::move(study), store, now));
  }
  return compacted;
}

}  // namespace tpsweep::server
