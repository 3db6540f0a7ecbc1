// `tpsweep-worker --server HOST:PORT`: works for a coordinator until told to stop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "worker/rpc/coordinator_client.h"

namespace tpsweep {

struct AgentCommandOptions {
  agent::CoordinatorClientOptions connection;
  std::string name;                    // worker id; empty: host, process id and a random number
  int slots = 1;                       // runs at a time
  std::vector<std::string> data_path;  // folders, first match wins
  // For notes of crashes and, in a folder for each worker, its spool; shared by the machine's
  // workers.
  std::string state_folder;
  int64_t spool_bytes = int64_t{1} << 30;
  absl::Duration grace;  // what handing back may take
  absl::Duration exit_when_idle = absl::InfiniteDuration();
  std::string version;
};

// Exit statuses: 0 stopped by a signal, or because there was no work for `exit_when_idle`; 1
// error.
//
// On the first signal (SIGTERM, SIGINT, or SIGUSR1 and SIGUSR2, which batch systems send
// before they preempt) no more work is taken, every run ends at its next mini-batch,
// leaves a checkpoint and is handed back; that takes no longer than `grace`, whatever
// the server or the runs do. The same signal again ends the process at once; others do not,
// since batch systems send several kinds in turn.
int RunAgentCommand(const AgentCommandOptions& options);

}  // namespace tpsweep
