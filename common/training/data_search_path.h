// Where data sets are looked for: the same for a worker and for the client that starts it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tpsweep {

// In `folders` (--data); without them in those of `environment` (TPSWEEP_DATA, separated by
// colons), and then in the system's.
std::vector<std::string> DataSearchPath(const std::vector<std::string>& folders,
                                        absl::string_view environment);

}  // namespace tpsweep
