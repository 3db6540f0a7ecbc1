#include "common/spec/validate.h"

#include "common/random.h"
#include "common/spec/complete.h"
#include "common/spec/objective_checks.h"
#include "common/spec/rules.h"
#include "common/spec/search_checks.h"
#include "common/spec/space.h"
#include "common/spec/space_checks.h"
#include "common/spec/training_checks.h"
#include "common/spec/trial_checks.h"
#include "common/status_macros.h"

namespace tpsweep::spec {

void Complete(v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  CompleteByRules(spec, path, OpenPaths(), problems);
  if (!problems.empty()) return;
  FillDerivedDefaults(spec);
  CheckTraining(spec, path, problems);
}

void Complete(v1::StudySpec& spec, Problems& problems) {
  if (spec.training().has_seed()) {
    problems.Add("training.seed",
                 "cannot be set in a study, where each run gets its own; set search.seed");
  }
  const Space space(spec);
  CheckFixedAndSearched(spec, space, problems);
  OpenPaths open = space.SearchedPaths();
  open.Add("training.seed");
  CompleteByRules(spec, "", open, problems);
  CheckSpace(spec, space, problems);
  CheckObjectives(spec, problems);
  if (problems.empty()) CheckSearch(spec, space, problems);
  if (problems.empty()) CheckTrials(spec, space, problems);
}

absl::Status Complete(v1::TrainingSpec& spec) {
  Problems problems;
  Complete(spec, "", problems);
  return problems.ToStatus();
}

absl::Status Complete(v1::StudySpec& spec) {
  Problems problems;
  Complete(spec, problems);
  return problems.ToStatus();
}

absl::StatusOr<v1::TrainingSpec> Configure(const v1::StudySpec& spec, const v1::Trial& trial,
                                           int64_t replicate) {
  Problems problems;
  v1::TrainingSpec training = MakeTraining(
      spec.training(), std::vector(trial.parameters().begin(), trial.parameters().end()), problems);
  TP_RETURN_IF_ERROR(problems.ToStatus());
  training.set_seed(RunSeed(spec.search().seed(), RootOf(trial), replicate));
  if (trial.extended_to() > 0) training.set_epochs(static_cast<int32_t>(trial.extended_to()));
  return training;
}

int64_t RootOf(const v1::Trial& trial) {
  return trial.has_fork() ? trial.fork().root() : trial.number();
}

uint64_t RunSeed(uint64_t study_seed, int64_t trial, int64_t replicate) {
  const uint64_t key =
      DeriveSeed(DeriveSeed(DeriveSeed(study_seed, "run"), static_cast<uint64_t>(trial)),
                 static_cast<uint64_t>(replicate));
  return key >> 11;
}

}  // namespace tpsweep::spec
