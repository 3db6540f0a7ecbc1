#include "common/svg.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace tpsweep {
namespace {

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

const char* NameOf(SvgPicture::Anchor anchor) {
  switch (anchor) {
    case SvgPicture::Anchor::kMiddle:
      return "middle";
    case SvgPicture::Anchor::kEnd:
      return "end";
    case SvgPicture::Anchor::kStart:
      break;
  }
  return "start";
}

}  // namespace

SvgPicture::SvgPicture(double width, double height) : width_(width), height_(height) {
  Rectangle(0, 0, width, height, "white");
}

void SvgPicture::Line(double x1, double y1, double x2, double y2, absl::string_view colour,
                      double width) {
  absl::StrAppendFormat(
      &body_,
      "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" stroke=\"%s\" stroke-width=\"%g\"/>\n",
      x1, y1, x2, y2, colour, width);
}

void SvgPicture::Arrow(double x1, double y1, double x2, double y2, absl::string_view colour,
                       double width) {
  constexpr double kHeadPixels = 8;
  constexpr double kHeadAngle = 0.45;
  Line(x1, y1, x2, y2, colour, width);
  const double direction = std::atan2(y2 - y1, x2 - x1);
  for (const double side : {-kHeadAngle, kHeadAngle}) {
    Line(x2, y2, x2 - kHeadPixels * std::cos(direction + side),
         y2 - kHeadPixels * std::sin(direction + side), colour, width);
  }
}

void SvgPicture::Circle(double x, double y, double radius, absl::string_view fill,
                        absl::string_view outline) {
  absl::StrAppendFormat(&body_,
                        "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" fill=\"%s\" stroke=\"%s\"/>\n",
                        x, y, radius, fill, outline);
}

void SvgPicture::Rectangle(double x, double y, double width, double height,
                           absl::string_view fill) {
  absl::StrAppendFormat(
      &body_, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n", x, y,
      width, height, fill);
}

void SvgPicture::Area(absl::Span<const std::pair<double, double>> corners, absl::string_view fill,
                      double opacity) {
  absl::StrAppend(&body_, "<polygon points=\"");
  for (const auto& [x, y] : corners) absl::StrAppendFormat(&body_, "%.2f,%.2f ", x, y);
  absl::StrAppendFormat(&body_, "\" fill=\"%s\" fill-opacity=\"%g\"/>\n", fill, opacity);
}

void SvgPicture::Text(double x, double y, absl::string_view text, Anchor anchor, double size) {
  absl::StrAppendFormat(&body_,
                        "<text x=\"%.2f\" y=\"%.2f\" font-family=\"sans-serif\" font-size=\"%g\" "
                        "text-anchor=\"%s\">%s</text>\n",
                        x, y, size, NameOf(anchor), Escaped(text));
}

std::string SvgPicture::ToString() const {
  return absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
      "viewBox=\"0 0 %g %g\">\n%s</svg>\n",
      width_, height_, width_, height_, body_);
}

}  // namespace tpsweep
