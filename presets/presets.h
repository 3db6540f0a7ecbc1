// The files of this folder, which travel inside the client: NAME.yaml are presets,
// spaces/NAME.yaml are search spaces (docs/presets.md).
#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tpsweep::presets {

struct File {
  absl::string_view name;  // without folder and ending
  absl::string_view text;
};

// In the order of their names. They live for ever.
absl::Span<const File> Presets();
absl::Span<const File> Spaces();

}  // namespace tpsweep::presets
