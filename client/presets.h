// Presets and search spaces by name.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "presets/presets.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// kNotFound, with the name that may have been meant.
absl::StatusOr<presets::File> FindPreset(absl::string_view name);
absl::StatusOr<presets::File> FindSpace(absl::string_view name);

// What a file says of itself in the comment of its first line.
std::string Summary(const presets::File& file);

// Puts the space `name` and its sampler in the place of those of `spec`; fields that
// it searches are no longer fixed.
absl::Status UseSpace(absl::string_view name, v1::StudySpec& spec);

}  // namespace tpsweep::client
