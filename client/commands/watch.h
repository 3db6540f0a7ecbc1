// Following a study, as `watch` and `submit --watch` do.
#pragma once

#include "client/commands/commands.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// Shows the progress of a study until it has ended, and says how. What ends
// the watching does not end the study, and the error says so.
absl::StatusOr<ExitStatus> WatchToEnd(Session& session, Connection& connection,
                                      const v1::Study& study);

}  // namespace tpsweep::client
