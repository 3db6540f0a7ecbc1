#include "server/search/axis.h"

#include <algorithm>
#include <utility>

#include "common/spec/field_path.h"

namespace tpsweep::server {
namespace {

using google::protobuf::Value;

Value Number(double number) {
  Value value;
  value.set_number_value(number);
  return value;
}

Value Bool(bool is_true) {
  Value value;
  value.set_bool_value(is_true);
  return value;
}

// Between the ends at t in [0, 1], exact at both.
double Between(double low, double high, double t) {
  return std::clamp((1 - t) * low + t * high, low, high);
}

double LogBetween(double low, double high, double t) {
  if (t <= 0) return low;
  if (t >= 1) return high;
  return std::clamp(std::exp(Between(std::log(low), std::log(high), t)), low, high);
}

int64_t CountValues(const v1::Parameter& parameter) {
  if (parameter.has_integer()) {
    const v1::Interval& interval = parameter.integer();
    return static_cast<int64_t>(std::min(interval.high() - interval.low() + 1, 0x1p52));
  }
  return parameter.has_choice()    ? parameter.choice().values_size()
         : parameter.has_boolean() ? 2
                                   : 0;
}

}  // namespace

double NormalCdf(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }

Axis::Axis(v1::Parameter parameter)
    : parameter_(std::move(parameter)), num_values_(CountValues(parameter_)) {
  if (!parameter_.has_prior()) return;
  prior_ = ToCoordinate(parameter_.prior());
  trust_ = parameter_.has_trust() ? parameter_.trust() : 0.5;
}

const v1::Interval& Axis::interval() const {
  return parameter_.has_log()      ? parameter_.log()
         : parameter_.has_linear() ? parameter_.linear()
                                   : parameter_.integer();
}

int64_t Axis::IndexOf(double coordinate) const {
  const auto count = static_cast<double>(num_values_);
  const double index = is_categorical() ? coordinate : std::floor(coordinate * count);
  return static_cast<int64_t>(std::clamp(index, 0.0, count - 1));
}

double Axis::OfIndex(int64_t index) const {
  if (is_categorical()) return static_cast<double>(index);
  return (static_cast<double>(index) + 0.5) / static_cast<double>(num_values_);
}

Value Axis::ToValue(double coordinate) const {
  if (parameter_.has_boolean()) return Bool(IndexOf(coordinate) == 1);
  if (parameter_.has_choice()) {
    return parameter_.choice().values(static_cast<int>(IndexOf(coordinate)));
  }
  const double low = interval().low();
  const double high = interval().high();
  if (parameter_.has_integer()) {
    return Number(std::min(low + static_cast<double>(IndexOf(coordinate)), high));
  }
  return Number(parameter_.has_log() ? LogBetween(low, high, coordinate)
                                     : Between(low, high, coordinate));
}

double Axis::ToCoordinate(const Value& value) const {
  if (parameter_.has_boolean()) {
    return value.has_bool_value() ? static_cast<double>(value.bool_value()) : kAbsent;
  }
  if (parameter_.has_choice()) {
    const std::string text = spec::ToText(value);
    for (int i = 0; i < parameter_.choice().values_size(); ++i) {
      if (spec::ToText(parameter_.choice().values(i)) == text) return i;
    }
    return kAbsent;
  }
  const double low = interval().low();
  const double high = interval().high();
  const double number = value.number_value();
  if (!value.has_number_value() || !(number >= low && number <= high)) return kAbsent;
  if (parameter_.has_integer()) {
    return std::trunc(number) == number ? OfIndex(static_cast<int64_t>(number - low)) : kAbsent;
  }
  if (parameter_.has_log()) {
    return (std::log(number) - std::log(low)) / (std::log(high) - std::log(low));
  }
  return (number / 2 - low / 2) / (high / 2 - low / 2);  // halves: the width may overflow
}

double Axis::Snap(double coordinate) const {
  return num_values_ > 0 ? OfIndex(IndexOf(coordinate)) : std::clamp(coordinate, 0.0, 1.0);
}

double Axis::Draw(double u) const {
  if (is_categorical()) {
    if (u < trust_) return prior_;
    const auto count = static_cast<double>(num_values_);
    return std::min(std::floor((u - trust_) / (1 - trust_) * count), count - 1);
  }
  if (!has_prior()) return Snap(u);
  // By bisection, where the distribution function is u.
  const double below = NormalCdf(-prior_ / kPriorWidth);
  const double all = NormalCdf((1 - prior_) / kPriorWidth) - below;
  double low = 0;
  double high = 1;
  for (int i = 0; i < 52; ++i) {
    const double middle = (low + high) / 2;
    const double around = (NormalCdf((middle - prior_) / kPriorWidth) - below) / all;
    (trust_ * around + (1 - trust_) * middle < u ? low : high) = middle;
  }
  return Snap(low);
}

double Axis::PriorDensity(double coordinate) const {
  if (!has_prior()) return 1;
  if (is_categorical()) {
    const bool is_prior = coordinate == prior_;
    return 1 - trust_ + (is_prior ? trust_ * static_cast<double>(num_values_) : 0);
  }
  const double z = (coordinate - prior_) / kPriorWidth;
  const double all = NormalCdf((1 - prior_) / kPriorWidth) - NormalCdf(-prior_ / kPriorWidth);
  const double normal = std::exp(-z * z / 2) / (std::sqrt(2 * M_PI) * kPriorWidth);
  return 1 - trust_ + trust_ * normal / all;
}

int64_t Axis::GridSize() const {
  return parameter_.has_points() ? parameter_.points() : num_values_;
}

double Axis::GridCoordinate(int64_t index) const {
  if (is_categorical()) return static_cast<double>(index);
  const int64_t last = GridSize() - 1;
  const double t = last == 0 ? 0 : static_cast<double>(index) / static_cast<double>(last);
  if (!parameter_.has_integer()) return t;
  // Rounding never makes two alike: there are at most as many as whole numbers.
  return ToCoordinate(Number(std::round(Between(interval().low(), interval().high(), t))));
}

}  // namespace tpsweep::server
