// A YAML document as a tree of plain nodes with their places in the file.
//
// The border to yaml-cpp: its exceptions end here, and so do documents that are
// large, deep, or grow by aliases.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tpsweep::spec {

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;  // of a scalar
  bool is_quoted = false;
  int line = 1, column = 1;
  std::vector<YamlNodePtr> items;                            // of a list
  std::vector<std::pair<YamlNodePtr, YamlNodePtr>> entries;  // of a map, in order
  int size = 1;                                              // nodes from here down
  int depth = 1;
};

// The only document in `text`. kInvalidArgument: "sweep.yaml:7:5: ...".
absl::StatusOr<YamlNodePtr> ParseYamlTree(absl::string_view text, absl::string_view file);

}  // namespace tpsweep::spec
