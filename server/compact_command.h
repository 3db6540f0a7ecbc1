// tpsweep-server compact: thins out what studies measured that ended long ago.
#pragma once

#include "absl/status/status.h"
#include "server/server_flags.h"

namespace tpsweep::server {

// Says on the terminal what it did.
//   kNotFound             there is no such store
//   kFailedPrecondition   a server has it
absl::Status CompactStore(const ServerFlags& flags);

}  // namespace tpsweep::server
