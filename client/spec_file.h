// Sweep files.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// The complete spec in the file `path`; a `name` that is not empty takes the
// place of the file's own. kInvalidArgument: one line for each error, with file,
// line and column.
absl::StatusOr<v1::StudySpec> LoadStudy(const std::string& path, const std::string& name);

// How many runs the study will have.
int64_t ExpectedRuns(const v1::StudySpec& complete);

// The same for the same spec, whatever the layout and comments of its file.
std::string SpecDigest(const v1::StudySpec& complete);

}  // namespace tpsweep::client
