// The data sets that are on this machine, by a look at the folders alone.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace tpsweep::client {

struct DataSetFolder {
  std::string name;
  std::string folder;   // empty: in none of the folders
  std::string comment;  // plain or compressed; how to get it
};

// Every folder below `search_path` that has the four IDX files; of two with the
// same name the first, as a worker takes it. Then the known sets that are missing.
std::vector<DataSetFolder> FindDataSets(absl::Span<const std::string> search_path);

}  // namespace tpsweep::client
