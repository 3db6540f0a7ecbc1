// One parameter as samplers compute with it: a coordinate for each of its values.
//
// Of numbers it lies in [0, 1], on the log scale for `log`; each of the N whole
// numbers of an integer interval has an equal part of [0, 1], and the middle of
// that is its coordinate. Of choices and booleans it is an index: 0, 1, ...
//
// Immutable, so thread-safe.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "google/protobuf/struct.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// The coordinate of a parameter that does not exist, or is not known.
constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
inline bool IsAbsent(double coordinate) { return std::isnan(coordinate); }

class Axis {
 public:
  // Copies what it needs. `parameter` is legal.
  explicit Axis(v1::Parameter parameter);

  const v1::Parameter& parameter() const { return parameter_; }
  // Values without order or distance: a choice or a boolean.
  bool is_categorical() const { return parameter_.has_choice() || parameter_.has_boolean(); }
  // How many values there are; 0 for an interval of real numbers.
  int64_t num_values() const { return num_values_; }

  google::protobuf::Value ToValue(double coordinate) const;
  // kAbsent if the value is not in the domain.
  double ToCoordinate(const google::protobuf::Value& value) const;
  // The number of the value, in order, for axes that have num_values().
  int64_t IndexOf(double coordinate) const;

  // The nearest legal coordinate. For numbers only.
  double Snap(double coordinate) const;

  // The coordinate at `u` in [0, 1): if `u` is uniform, all values are equally
  // likely, but for the prior: a share `trust` lies around it, normally distributed
  // with standard deviation kPriorWidth (of a choice: is it).
  double Draw(double u) const;
  // The density of that draw; for a choice the probability of the value times the number of
  // values. 1 everywhere if there is no prior.
  double PriorDensity(double coordinate) const;
  static constexpr double kPriorWidth = 0.1;
  bool has_prior() const { return trust_ > 0; }
  double prior() const { return prior_; }
  double trust() const { return trust_; }

  // How many values a grid has of it.
  int64_t GridSize() const;
  // The coordinate `index`, in [0, GridSize). An interval's values are evenly spaced
  // with exactly its ends first and last; if there is but one, it is the low end.
  double GridCoordinate(int64_t index) const;

 private:
  const v1::Interval& interval() const;
  double OfIndex(int64_t index) const;

  v1::Parameter parameter_;
  int64_t num_values_ = 0;
  double prior_ = kAbsent;
  double trust_ = 0;
};

// Of the standard normal distribution.
double NormalCdf(double x);

}  // namespace tpsweep::server
