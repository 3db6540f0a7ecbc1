// The study that a command is about: from a sweep file or a preset, with what the
// command line changes about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// What is empty or 0 changes nothing.
struct SpecSource {
  std::string path = {};    // of a sweep file, or else
  std::string preset = {};  // the name of a preset

  std::string space = {};                  // name of a space that takes the place of the file's
  std::vector<std::string> settings = {};  // FIELD=VALUE, in order
  int replicates = 0;
  std::string name = {};  // of the study

  // As messages call it.
  std::string ToString() const { return preset.empty() ? path : "preset " + preset; }
};

// The complete spec. kNotFound: no such preset or space. kInvalidArgument: one line for
// each error, with file, line and column, or the setting that is wrong.
absl::StatusOr<v1::StudySpec> LoadStudy(const SpecSource& source);

// The same for the same spec, whatever the layout and comments of its file.
std::string SpecDigest(const v1::StudySpec& complete);

}  // namespace tpsweep::client
