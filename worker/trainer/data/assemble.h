// Makes a DataSet of the arrays that its files hold, whatever their format: checks
// that they belong together, and turns labels into classes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/trainer/data/array.h"
#include "worker/trainer/data/data_set.h"

namespace tpsweep::trainer {

// The training samples, or those to test on.
struct Half {
  Array inputs;             // (N, n_0), (N, height, width) or (N, channels, ...)
  Array targets;            // whole numbers (N): labels; real ones (N) or (N, n_L)
  std::string inputs_file;  // for messages
  std::string targets_file;
  bool is_csv = false;  // sample i is in line i + 2 of targets_file
};

// Name, shape, outputs and samples of the set; provenance and digest are the
// caller's. kInvalidArgument names file, sample and what is legal.
absl::StatusOr<std::shared_ptr<DataSet>> Assemble(absl::string_view name, Half train, Half test);

}  // namespace tpsweep::trainer
