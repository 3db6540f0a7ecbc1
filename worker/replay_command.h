// `tpsweep-worker replay CASE.safetensors --out OUT.safetensors`: step parity with
// the numbers that the papers' own code produced.
#pragma once

#include <ostream>
#include <string>

namespace tpsweep {

// Replays the golden case at `case_path`, writes every tensor that was computed to
// `out_path` (nothing if it is empty), and prints the worst error of each kind of
// tensor. Exit status: 0 all within the case's tolerance, 3 not, 1 the file cannot
// be read, is corrupt, or asks for a rule or feature that is not supported.
int ReplayCommand(const std::string& case_path, const std::string& out_path, std::ostream& out,
                  std::ostream& err);

}  // namespace tpsweep
