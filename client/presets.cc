#include "client/presets.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/spec/resolve.h"
#include "common/spec/text.h"
#include "common/spec/yaml.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

absl::StatusOr<presets::File> Find(absl::Span<const presets::File> files, absl::string_view kind,
                                   absl::string_view name) {
  std::vector<std::string> names;
  for (const presets::File& file : files) {
    if (file.name == name) return file;
    names.emplace_back(file.name);
  }
  const std::string nearest = spec::Nearest(name, names);
  return absl::NotFoundError(
      absl::StrCat(spec::Quoted(name), " is not a ", kind,
                   nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?"),
                   " (all of them: tpsweep describe ", kind, "s)"));
}

}  // namespace

absl::StatusOr<presets::File> FindPreset(absl::string_view name) {
  return Find(presets::Presets(), "preset", name);
}

absl::StatusOr<presets::File> FindSpace(absl::string_view name) {
  return Find(presets::Spaces(), "space", name);
}

std::string Summary(const presets::File& file) {
  absl::string_view line = file.text.substr(0, file.text.find('\n'));
  absl::ConsumePrefix(&line, "# ");
  return std::string(line);
}

absl::Status UseSpace(absl::string_view name, v1::StudySpec& spec) {
  TP_ASSIGN_OR_RETURN(const presets::File file, FindSpace(name));
  TP_ASSIGN_OR_RETURN(const v1::StudySpec space,
                      spec::ParseStudySpec(file.text, absl::StrCat("space ", name)));
  for (const v1::Parameter& parameter : space.space()) {
    TP_ASSIGN_OR_RETURN(const spec::ResolvedPath where,
                        spec::ResolvePath(*v1::StudySpec::descriptor(), parameter.path()));
    spec::ClearField(spec, where);
  }
  *spec.mutable_space() = space.space();
  *spec.mutable_search()->mutable_sampler() = space.search().sampler();
  return absl::OkStatus();
}

}  // namespace tpsweep::client
