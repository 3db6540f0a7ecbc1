// The flags of tpsweep-server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/log.h"
#include "server/rpc/credentials.h"
#include "server/simulate/comparison.h"

namespace tpsweep::server {

struct SimulateFlags {
  std::string curves;  // a recording
  bool takes_best_so_far = false;
  std::vector<std::string> sweeps;  // files
  ComparisonOptions comparison;
  std::string csv;  // gets the courses
};

struct CompactFlags {
  double older_than_days = 0;
  int64_t keep_every = 10;
  bool is_dry = false;
};

struct ServerFlags {
  // What is to be done, if not to serve: something with the store, or a simulation.
  enum class Action { kServe, kBackUp, kRestore, kCheck, kCompact, kRecord, kSimulate };
  Action action = Action::kServe;
  std::string file;   // the copy, or the recording
  std::string study;  // to be recorded
  SimulateFlags simulate;
  CompactFlags compact;
  ListenOptions listen;
  // Path of an SQLite file, "memory", or the URI of a PostgreSQL database.
  std::string store;
  bool is_postgres = false;
  // Folder of the checkpoints of an SQLite store; beside it by default.
  std::string checkpoints;
  int64_t checkpoint_quota = 0;  // bytes
  // Gets the address once the server is ready.
  std::string port_file;
  absl::Duration lease_ttl = absl::Seconds(30);
  LogLevel log_level = LogLevel::kInfo;
};

// Reads the flags. If there is nothing to run (--help, --version, a bad flag),
// says so on the terminal and returns false with the exit status.
bool ParseFlags(int argc, char** argv, ServerFlags& flags, int& exit_status);

}  // namespace tpsweep::server
