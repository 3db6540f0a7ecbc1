// `tpsweep-worker train SPEC.yaml`: one run on this machine, without a server.
#pragma once

#include <string>
#include <vector>

namespace tpsweep {

struct TrainOptions {
  enum class Output { kTable, kJson };

  std::string spec_path;               // a TrainingSpec, bare or under `training`
  std::vector<std::string> data_path;  // folders, first match wins
  std::string checkpoint_path;         // written after each epoch and at a stop; empty: none
  std::string resume_path;             // a checkpoint to go on from; empty: none
  int threads = 0;  // instead of threads_per_run; 0: as the spec says, or all cores
  Output output = Output::kTable;
};

// Exit statuses: 0 done, 1 error, 3 infeasible, 4 stopped by SIGINT or SIGTERM.
// (2, usage, is for who parses the flags.)
//
// The table, one line an epoch as it ends, or the JSON object goes to standard
// output; errors go to standard error. JSON: {"version": 1, "state": "SUCCEEDED"
// | "INFEASIBLE" | "STOPPED", "message", "seed", "data", "metrics": {name: last
// value}, "history": {name: [one value an epoch]}}; vectors are lists with one
// entry a layer; a number that is not finite, or that an epoch lacks, is null.
//
// Takes SIGINT and SIGTERM for itself while it trains: the run stops at the next
// mini-batch and saves its checkpoint.
int RunTrainCommand(const TrainOptions& options);

}  // namespace tpsweep
