// `tpsweep-worker toy`: the toy experiments of [TF], from the presets to files.
#pragma once

#include <string>

namespace tpsweep {

struct ToyOptions {
  enum class Experiment { kNullSpace, kOutputSpace };
  Experiment experiment = Experiment::kNullSpace;
  std::string folder = ".";  // made if it is not there
  int seeds = 5;             // null-space: runs of each method
  int samples = 6;           // output-space: arrows of each method
};

// Writes null-space.csv and null-space.svg, or output-space.csv and
// output-space.svg, into the folder and a summary on standard output. Returns the
// exit status: 0, or 1 with a message on standard error.
int RunToyCommand(const ToyOptions& options);

}  // namespace tpsweep
