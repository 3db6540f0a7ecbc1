// The data sets that are on this machine, by a look at the folders alone.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace tpsweep::client {

struct DataSetFolder {
  std::string name;
  std::string folder;   // empty: in none of the folders
  std::string comment;  // the format; how to get it
};

// The data sets below `search_path` (common/training/data_files.h), by name, as a
// worker finds them; then the generated one, and the known sets that are missing.
std::vector<DataSetFolder> FindDataSets(absl::Span<const std::string> search_path);

}  // namespace tpsweep::client
