// What every engine holds its callers to, in the same words.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/names.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// kNotFound: "studies/S/trials/3: no such trial".
absl::Status NoSuch(const StudyName& name);
absl::Status NoSuch(const TrialName& name);
absl::Status NoSuch(const RunName& name);
absl::Status NoSuch(const AttemptName& name);

// Sequences are counted from 1.
absl::Status CheckSequence(const v1::MeasurementRecord& record);

// Revisions only grow. `last`: the highest revision so far.
absl::Status CheckRevision(const v1::Event& event, int64_t last);

// The study that an event belongs to; empty if to none.
std::string StudyOfEvent(const v1::Event& event);

}  // namespace tpsweep::server
