// What can be set, in words: made from the comments and rules of the .proto files.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tpsweep::spec {

// One field or one member of a oneof.
struct Description {
  std::string path;  // training.rule.dtp.sigma
  std::string
      type;  // number, whole number, text, true or false, one of ..., list of ..., map, choice
  std::string legal;          // (0, 10], must be set; empty if anything of the type is
  std::string default_value;  // as a sweep file writes it; empty if none
  std::string symbol;
  std::string unit;
  std::string comment;  // one line or several
};

// The field at `path` of StudySpec (empty: the spec itself) and all below it,
// in the order of the .proto files. kNotFound with a "did you mean".
absl::StatusOr<std::vector<Description>> DescribeFields(absl::string_view path);

// The learning rules and the samplers: one entry each, path = its name.
std::vector<Description> DescribeRules();
std::vector<Description> DescribeSamplers();
std::vector<Description> DescribeSchedulers();

}  // namespace tpsweep::spec
