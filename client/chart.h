// Charts as SVG text: curves with bands, and bars.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tpsweep::client {

struct Curve {
  std::string label;
  std::vector<double> x, y;       // x > 0, ascending; y finite
  std::vector<double> low, high;  // the band; an infinite end reaches the frame
};

// With x on the log scale.
std::string CurvesSvg(absl::string_view title, absl::string_view x_title, absl::string_view y_title,
                      absl::Span<const Curve> curves);

struct Bar {
  std::string label;
  double value = 0;
  double deviation = 0;  // drawn to both sides
};

std::string BarsSvg(absl::string_view title, absl::string_view x_title, absl::Span<const Bar> bars);

}  // namespace tpsweep::client
