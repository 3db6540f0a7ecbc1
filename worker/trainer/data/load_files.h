// Reads a data set from its files: one function for each format.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/training/data_files.h"
#include "worker/trainer/data/data_set.h"

namespace tpsweep::trainer {

// kInvalidArgument names file, place and reason of what is corrupt.
absl::StatusOr<std::shared_ptr<const DataSet>> LoadFiles(absl::string_view name,
                                                         const DataFiles& files);

}  // namespace tpsweep::trainer
