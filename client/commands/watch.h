// Following a study, as `watch` and `submit --watch` do.
#pragma once

#include <string>

#include "client/commands/commands.h"

namespace tpsweep::client {

// Shows the progress of studies/S until it has ended, and says how. What ends
// the watching does not end the study, and the error says so.
absl::StatusOr<ExitStatus> WatchToEnd(Session& session, Connection& connection,
                                      const std::string& study);

}  // namespace tpsweep::client
