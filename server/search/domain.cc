#include "server/search/domain.h"

#include <algorithm>
#include <cmath>

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

double WholeNumbers(const v1::Interval& interval) { return interval.high() - interval.low() + 1; }

}  // namespace

Value DrawValue(const v1::Parameter& parameter, double u) {
  switch (parameter.domain_case()) {
    case v1::Parameter::kLinear:
      return Number(Between(parameter.linear().low(), parameter.linear().high(), u));
    case v1::Parameter::kLog:
      return Number(LogBetween(parameter.log().low(), parameter.log().high(), u));
    case v1::Parameter::kInteger: {
      const v1::Interval& interval = parameter.integer();
      const double steps = std::floor(u * WholeNumbers(interval));
      return Number(std::min(interval.low() + steps, interval.high()));
    }
    case v1::Parameter::kChoice: {
      const int count = parameter.choice().values_size();
      return parameter.choice().values(std::min(static_cast<int>(u * count), count - 1));
    }
    case v1::Parameter::kBoolean:
      return Bool(u >= 0.5);
    case v1::Parameter::DOMAIN_NOT_SET:
      break;
  }
  return {};
}

int64_t GridSize(const v1::Parameter& parameter) {
  switch (parameter.domain_case()) {
    case v1::Parameter::kLinear:
    case v1::Parameter::kLog:
      return parameter.points();
    case v1::Parameter::kInteger:
      return parameter.has_points() ? parameter.points()
                                    : static_cast<int64_t>(WholeNumbers(parameter.integer()));
    case v1::Parameter::kChoice:
      return parameter.choice().values_size();
    case v1::Parameter::kBoolean:
      return 2;
    case v1::Parameter::DOMAIN_NOT_SET:
      break;
  }
  return 0;
}

Value GridValue(const v1::Parameter& parameter, int64_t index) {
  const int64_t last = GridSize(parameter) - 1;
  const double t = last == 0 ? 0 : static_cast<double>(index) / static_cast<double>(last);
  switch (parameter.domain_case()) {
    case v1::Parameter::kLinear:
      return Number(Between(parameter.linear().low(), parameter.linear().high(), t));
    case v1::Parameter::kLog:
      return Number(LogBetween(parameter.log().low(), parameter.log().high(), t));
    case v1::Parameter::kInteger:
      // Rounding never makes two alike: there are at most as many as whole numbers.
      return Number(std::round(Between(parameter.integer().low(), parameter.integer().high(), t)));
    case v1::Parameter::kChoice:
      return parameter.choice().values(static_cast<int>(index));
    case v1::Parameter::kBoolean:
      return Bool(index == 1);
    case v1::Parameter::DOMAIN_NOT_SET:
      break;
  }
  return {};
}

}  // namespace tpsweep::server
