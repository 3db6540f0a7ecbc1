// The layers of the source tree (docs/architecture.md), as rules over its lines.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tpsweep {

// What is wrong with the file `path` (relative to the root) whose text is `text`:
// one entry a line, "server/store/x.cc:3: ...".
std::vector<std::string> LayeringViolations(const std::string& path, absl::string_view text);

}  // namespace tpsweep
