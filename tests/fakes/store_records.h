// Records and folders for tests of the store and of what stands on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

inline v1::Study MakeStudy(absl::string_view id, v1::StudyState state = v1::STUDY_STATE_ACTIVE) {
  v1::Study study;
  study.set_name(absl::StrCat("studies/", id));
  study.mutable_spec()->set_study(std::string(id));
  study.set_state(state);
  return study;
}

inline v1::Trial MakeTrial(absl::string_view study, int64_t number,
                           v1::TrialState state = v1::TRIAL_STATE_ACTIVE,
                           std::optional<double> objective = std::nullopt) {
  v1::Trial trial;
  trial.set_name(absl::StrCat("studies/", study, "/trials/", number));
  trial.set_number(number);
  trial.set_state(state);
  v1::Assignment& assignment = *trial.add_parameters();
  assignment.set_path("training.forward.lr");
  assignment.mutable_value()->set_number_value(0.5 + static_cast<double>(number));
  if (objective.has_value()) trial.set_objective(*objective);
  return trial;
}

inline v1::Run MakeRun(absl::string_view study, int64_t trial, int64_t replicate,
                       v1::RunState state = v1::RUN_STATE_QUEUED, int64_t attempt = 0) {
  v1::Run run;
  run.set_name(absl::StrCat("studies/", study, "/trials/", trial, "/runs/", replicate));
  run.set_trial(trial);
  run.set_replicate(replicate);
  run.set_state(state);
  run.set_attempt(attempt);
  return run;
}

inline v1::Attempt MakeAttempt(absl::string_view study, int64_t trial, int64_t replicate,
                               int64_t number,
                               v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_UNSPECIFIED) {
  v1::Attempt attempt;
  attempt.set_name(absl::StrCat("studies/", study, "/trials/", trial, "/runs/", replicate,
                                "/attempts/", number));
  attempt.set_number(number);
  attempt.set_worker("worker-1");
  attempt.set_outcome(outcome);
  return attempt;
}

// A measurement of the size that real ones have.
inline v1::MeasurementRecord MakeMeasurement(const v1::Attempt& attempt, int64_t sequence) {
  v1::MeasurementRecord record;
  record.set_attempt(attempt.name());
  v1::Measurement& measurement = *record.mutable_measurement();
  measurement.set_sequence(sequence);
  measurement.set_step(100 * sequence);
  measurement.set_epoch(sequence);
  for (const char* name : {"train/loss", "train/error", "validation/loss", "validation/error",
                           "test/loss", "test/error", "feedback/loss", "samples_per_second"}) {
    (*measurement.mutable_scalars())[name] = 1.0 / static_cast<double>(sequence + 1);
  }
  for (const char* name : {"layer/target_norm", "layer/update_norm", "layer/parameter_norm"}) {
    for (const double value : {0.25, 0.5, 0.75, 1.0}) {
      (*measurement.mutable_vectors())[name].add_values(value);
    }
  }
  return record;
}

inline v1::Event MakeEvent(int64_t revision, absl::string_view type, absl::string_view resource) {
  v1::Event event;
  event.set_revision(revision);
  event.set_type(std::string(type));
  event.set_resource(std::string(resource));
  return event;
}

// A new folder under the system's one for such things, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "tpsweep-test-XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace tpsweep::server
