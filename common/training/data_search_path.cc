#include "common/training/data_search_path.h"

#include "absl/strings/str_split.h"

namespace tpsweep {

std::vector<std::string> DataSearchPath(const std::vector<std::string>& folders,
                                        absl::string_view environment) {
  if (!folders.empty()) return folders;
  std::vector<std::string> path = absl::StrSplit(environment, ':', absl::SkipEmpty());
  path.emplace_back("/usr/share/datasets");
  return path;
}

}  // namespace tpsweep
