// The door: specs are checked and completed here, once. Behind it every spec is
// legal, and every field that has a default is set.
//
// Errors are kInvalidArgument and name the field's path, the value and what is
// legal: "training.rule.dtp.sigma: -0.1 is not in (0, 10]".
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tpsweep/v1/study.pb.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::spec {

// Checks `spec` and fills in defaults. With an `activation` or a rule not set,
// the defaults of training.proto hold; the rule itself must be chosen. Paths in
// errors begin below the spec: "rule.dtp.sigma: ...".
absl::Status Complete(v1::TrainingSpec& spec);

// The same for a study: the space, the conditions, and every rule and domain
// end that a trial could get (both ends of an interval and every choice). Fields
// that are searched, and training.seed, stay unset in spec.training: Configure
// sets them. Completing a completed spec changes nothing.
absl::Status Complete(v1::StudySpec& spec);

// The complete TrainingSpec of one run: `spec.training` with the trial's
// parameters set, defaults of the chosen rule filled in, and the seed of
// (study seed, trial, replicate). `spec` is complete; kInvalidArgument if the
// combination of parameters is illegal.
absl::StatusOr<v1::TrainingSpec> Configure(const v1::StudySpec& spec, const v1::Trial& trial,
                                           int64_t replicate);

// The first trial of its line (Trial.fork); itself, if it goes on from no other.
int64_t RootOf(const v1::Trial& trial);

// The seed of a run, at most 2^53 - 1 so that JSON and YAML carry it exactly; `trial` is the
// root of its trial.
uint64_t RunSeed(uint64_t study_seed, int64_t trial, int64_t replicate);

}  // namespace tpsweep::spec
