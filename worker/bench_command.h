// `tpsweep-worker bench [SPEC]`: how fast this machine trains, beside what its
// multiply-adds would allow.
#pragma once

#include <string>
#include <vector>

namespace tpsweep {

struct BenchOptions {
  enum class Output { kTable, kJson };

  // YAML file with a training spec; empty: some rules of the presets for Fashion-MNIST.
  std::string spec_path;
  std::vector<std::string> data_path;  // asked only for the shape of a data set of one's own
  int threads = 0;                     // 0: as the spec says, or one
  int repetitions = 10;
  Output output = Output::kTable;
};

// Exit status: 0 measured, 1 an error, which has been printed.
int RunBenchCommand(const BenchOptions& options);

}  // namespace tpsweep
