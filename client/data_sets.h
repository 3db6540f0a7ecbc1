// The data sets that are on this machine, by a look at the folders alone.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

struct DataSetFolder {
  std::string name;
  std::string folder;   // empty: in none of the folders
  std::string comment;  // the format; how to get it
};

// The data sets below `search_path` (common/training/data_files.h), by name, as a
// worker finds them; then the generated one, and the known sets that are missing.
std::vector<DataSetFolder> FindDataSets(absl::Span<const std::string> search_path);

// kNotFound if the study needs a data set that workers of this machine do not find, with
// where they look and how to get it: they would wait for it for ever.
absl::Status CheckDataSets(const v1::StudySpec& spec, absl::Span<const std::string> search_path);

}  // namespace tpsweep::client
