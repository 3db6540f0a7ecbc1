// tpsweep-server record and simulate.
#pragma once

#include "absl/status/status.h"
#include "server/server_flags.h"

namespace tpsweep::server {

// Writes the curves of flags.study, which is in the SQLite store, into flags.file.
absl::Status RecordStudy(const ServerFlags& flags);

// Prints how the sweeps compare.
absl::Status SimulateSweeps(const SimulateFlags& flags);

}  // namespace tpsweep::server
