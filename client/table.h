// Text in columns, for people.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tpsweep::client {

enum class Align { kLeft, kRight };

// Columns of a terminal that UTF-8 `text` fills: 1 for ± and µ, 2 for wide East
// Asian characters, 0 for combining marks.
int DisplayWidth(absl::string_view text);

// `text` cut to at most `width` columns.
std::string CutToWidth(absl::string_view text, int width);

// Control characters become '?': what came from elsewhere must not move the
// cursor of whoever reads it.
std::string Printable(absl::string_view text);

// One line a row, columns two spaces apart, no space at the end of a line. Every
// row has as many cells as `align`.
std::string LayOut(absl::Span<const Align> align, absl::Span<const std::vector<std::string>> rows);

}  // namespace tpsweep::client
