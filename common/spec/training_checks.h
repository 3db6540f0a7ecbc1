// What must hold between the fields of a TrainingSpec, beyond the rules of each.
#pragma once

#include <string>

#include "common/spec/problems.h"
#include "common/spec/schema.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::spec {

// `spec` has passed the rules of its fields and has every default; it stands at
// `path` ("training", or nothing).
void CheckTraining(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);

// Its parts, one file each.
void CheckNetwork(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);
void CheckLayerLists(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);
void CheckRule(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);
void CheckInverses(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);
void CheckInversion(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);
void CheckMeasure(const v1::TrainingSpec& spec, const std::string& path, Problems& problems);

// What a check of common/training says, which names fields from the training on.
void AddStatus(const absl::Status& status, const std::string& path, Problems& problems);

// Why there are no classes: "student-teacher is a regression".
std::string RegressionText(const v1::Dataset& dataset);

// Defaults that depend on other fields.
void FillDerivedDefaults(v1::TrainingSpec& spec);

// An enumerator as a sweep file writes it.
template <class Enum>
std::string EnumText(Enum value) {
  return NameOf(*google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value));
}

// The field of `network` that lists the hidden layers: `layers` if it is set, else `hidden`.
inline const char* HiddenLayersField(const v1::Network& network) {
  return network.layers().empty() ? "network.hidden" : "network.layers";
}

}  // namespace tpsweep::spec
