// `tpsweep-worker --server HOST:PORT`: works for a coordinator until told to stop.
#pragma once

#include <string>
#include <vector>

#include "worker/rpc/coordinator_client.h"

namespace tpsweep {

struct AgentCommandOptions {
  agent::CoordinatorClientOptions connection;
  std::string name;                    // worker id; empty: host, process id and a random number
  int slots = 1;                       // runs at a time
  std::vector<std::string> data_path;  // folders, first match wins
  std::string version;
};

// Exit statuses: 0 stopped by SIGTERM or SIGINT, 1 error.
//
// On the first signal no more work is taken, every run ends at its next
// mini-batch and is handed back; that takes less than 5 seconds, whatever the
// server or the runs do. A second signal ends the process at once.
int RunAgentCommand(const AgentCommandOptions& options);

}  // namespace tpsweep
