#include "client/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "client/table.h"
#include "client/values.h"
#include "common/svg.h"

namespace tpsweep::client {
namespace {

constexpr double kWidth = 760, kHeight = 440;
constexpr double kLeft = 80, kRight = 600, kTop = 40, kBottom = 390;
constexpr const char* kGrey = "#cccccc";
constexpr std::array<const char*, 8> kColours = {"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728",
                                                 "#9467bd", "#8c564b", "#e377c2", "#17becf"};

// From values to pixels.
struct Scale {
  double from, to;     // values
  double first, last;  // pixels
  double operator()(double value) const {
    const double at = first + (last - first) * (value - from) / (to - from);
    return std::clamp(at, std::min(first, last), std::max(first, last));
  }
};

// Round numbers, about five, from `from` to `to`.
std::vector<double> Ticks(double from, double to) {
  const double rough = (to - from) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double share = rough / power;
  const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  for (double i = std::ceil(from / step); i * step <= to + step * 1e-9; ++i) {
    ticks.push_back(i * step + 0.0);  // no -0
  }
  return ticks;
}

// 1, 2, 5, 10, 20, ... up to `to`.
std::vector<double> LogTicks(double to) {
  std::vector<double> ticks;
  for (double power = 1; power <= to; power *= 10) {
    for (const double digit : {1, 2, 5}) {
      if (digit * power <= to) ticks.push_back(digit * power);
    }
  }
  return ticks;
}

// Of the curves; where a band ends in the frame it may be cut, but no curve is.
std::pair<double, double> Range(absl::Span<const Curve> curves) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Curve& curve : curves) {
    for (const double y : curve.y) {
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  const double margin = high > low ? 0.1 * (high - low) : std::max(1e-6, 0.1 * std::abs(high));
  return {low - margin, high + margin};
}

void DrawVertical(SvgPicture& picture, const Scale& y, absl::string_view title) {
  for (const double tick : Ticks(y.from, y.to)) {
    picture.Line(kLeft, y(tick), kRight, y(tick), kGrey);
    picture.Text(kLeft - 6, y(tick) + 4, ShortNumber(tick), SvgPicture::Anchor::kEnd);
  }
  picture.Text(kLeft, kTop - 8, Printable(title), SvgPicture::Anchor::kMiddle);
}

void DrawHorizontal(SvgPicture& picture, const Scale& x, absl::Span<const double> ticks,
                    absl::Span<const std::string> labels, absl::string_view title, double bottom) {
  for (size_t i = 0; i < ticks.size(); ++i) {
    picture.Line(x(ticks[i]), kTop, x(ticks[i]), bottom, kGrey);
    picture.Text(x(ticks[i]), bottom + 16, labels[i], SvgPicture::Anchor::kMiddle);
  }
  picture.Text((x.first + x.last) / 2, bottom + 36, Printable(title), SvgPicture::Anchor::kMiddle);
}

void DrawBand(SvgPicture& picture, const Curve& curve, const Scale& x, const Scale& y,
              absl::string_view colour) {
  std::vector<std::pair<double, double>> corners;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    corners.emplace_back(x(std::log10(curve.x[i])), y(curve.high[i]));
  }
  for (size_t i = curve.x.size(); i-- > 0;) {
    corners.emplace_back(x(std::log10(curve.x[i])), y(curve.low[i]));
  }
  picture.Area(corners, colour, 0.12);
}

void DrawCurve(SvgPicture& picture, const Curve& curve, const Scale& x, const Scale& y,
               absl::string_view colour) {
  for (size_t i = 0; i + 1 < curve.x.size(); ++i) {
    picture.Line(x(std::log10(curve.x[i])), y(curve.y[i]), x(std::log10(curve.x[i + 1])),
                 y(curve.y[i + 1]), colour, 2);
  }
  if (curve.x.size() > 50) return;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    picture.Circle(x(std::log10(curve.x[i])), y(curve.y[i]), 2.5, colour);
  }
}

}  // namespace

std::string CurvesSvg(absl::string_view title, absl::string_view x_title, absl::string_view y_title,
                      absl::Span<const Curve> curves) {
  SvgPicture picture(kWidth, kHeight);
  picture.Text(kWidth / 2, 18, Printable(title), SvgPicture::Anchor::kMiddle, 14);
  double longest = 2;
  for (const Curve& curve : curves) longest = std::max(longest, curve.x.back());
  const auto [low, high] = Range(curves);
  const Scale x{0, std::log10(longest), kLeft, kRight}, y{low, high, kBottom, kTop};

  std::vector<double> ticks = LogTicks(longest);
  std::vector<std::string> labels;
  for (double& tick : ticks) {
    labels.push_back(ShortNumber(tick));
    tick = std::log10(tick);
  }
  DrawVertical(picture, y, y_title);
  DrawHorizontal(picture, x, ticks, labels, x_title, kBottom);
  for (size_t i = 0; i < curves.size(); ++i) {
    DrawBand(picture, curves[i], x, y, kColours[i % kColours.size()]);
  }
  for (size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    DrawCurve(picture, curves[i], x, y, colour);
    const double at = kTop + 10 + 18 * static_cast<double>(i);
    picture.Line(kRight + 12, at, kRight + 32, at, colour, 3);
    picture.Text(kRight + 38, at + 4, CutToWidth(Printable(curves[i].label), 20));
  }
  return picture.ToString();
}

std::string BarsSvg(absl::string_view title, absl::string_view x_title,
                    absl::Span<const Bar> bars) {
  constexpr double kBarLeft = 200, kStep = 26, kThick = 16;
  const double bottom = kTop + kStep * static_cast<double>(bars.size());
  SvgPicture picture(kWidth, bottom + 50);
  picture.Text(kWidth / 2, 18, Printable(title), SvgPicture::Anchor::kMiddle, 14);
  double low = 0, high = 0;
  for (const Bar& bar : bars) {
    low = std::min(low, bar.value - bar.deviation);
    high = std::max(high, bar.value + bar.deviation);
  }
  if (high == low) high = 1;
  const Scale x{low, high, kBarLeft, kWidth - 40};
  const std::vector<double> ticks = Ticks(low, high);
  std::vector<std::string> labels;
  for (const double tick : ticks) labels.push_back(ShortNumber(tick));
  DrawHorizontal(picture, x, ticks, labels, x_title, bottom);
  for (size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double top = kTop + kStep * static_cast<double>(i) + (kStep - kThick) / 2;
    const double from = x(std::min(0.0, bar.value)), to = x(std::max(0.0, bar.value));
    picture.Rectangle(from, top, to - from, kThick, kColours[0]);
    picture.Line(x(bar.value - bar.deviation), top + kThick / 2, x(bar.value + bar.deviation),
                 top + kThick / 2, "black", 1.5);
    picture.Text(kBarLeft - 8, top + kThick - 4, CutToWidth(Printable(bar.label), 28),
                 SvgPicture::Anchor::kEnd);
  }
  return picture.ToString();
}

}  // namespace tpsweep::client
