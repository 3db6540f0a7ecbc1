// Pictures as SVG text.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tpsweep {

// Shapes are drawn in the order in which they are added. Lengths are pixels from the
// top left corner. Colours are SVG's ("#1f77b4", "none").
class SvgPicture {
 public:
  SvgPicture(double width, double height);

  enum class Anchor { kStart, kMiddle, kEnd };

  void Line(double x1, double y1, double x2, double y2, absl::string_view colour, double width = 1);
  // A line with a head at its end.
  void Arrow(double x1, double y1, double x2, double y2, absl::string_view colour,
             double width = 2);
  void Circle(double x, double y, double radius, absl::string_view fill,
              absl::string_view outline = "none");
  void Rectangle(double x, double y, double width, double height, absl::string_view fill);
  // The polygon with these corners, see-through: opacity in [0, 1].
  void Area(absl::Span<const std::pair<double, double>> corners, absl::string_view fill,
            double opacity);
  // `text` may have any characters; those that SVG gives a meaning are escaped.
  void Text(double x, double y, absl::string_view text, Anchor anchor = Anchor::kStart,
            double size = 12);

  // The whole file.
  std::string ToString() const;

 private:
  double width_, height_;
  std::string body_;
};

}  // namespace tpsweep
