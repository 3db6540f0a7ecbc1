// Checksums of well-known data sets: whether what was loaded is what was published.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tpsweep::trainer {

// From the SHA-256 of the unpacked files, in the order of DataFiles: "checksums are
// those of the published mnist", or why that cannot be said.
std::string Provenance(absl::string_view name, const std::vector<std::string>& sha256);

}  // namespace tpsweep::trainer
