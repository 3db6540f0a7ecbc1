#include "server/search/search_space.h"

#include <optional>

#include "common/random.h"
#include "common/spec/space.h"

namespace tpsweep::server {

double UniformAt(uint64_t key, int64_t number, uint32_t dimension, uint32_t attempt) {
  const auto n = static_cast<uint64_t>(number);
  const auto bits =
      Philox(key, {static_cast<uint32_t>(n), static_cast<uint32_t>(n >> 32), dimension, attempt});
  const uint64_t joined = static_cast<uint64_t>(bits[1]) << 32 | bits[0];
  return static_cast<double>(joined >> 11) * 0x1p-53;
}

SearchSpace::SearchSpace(const v1::StudySpec& spec) {
  const spec::Space space(spec);
  for (const v1::Parameter& parameter : spec.space()) axes_.emplace_back(parameter);
  for (const v1::Parameter& parameter : spec.space()) {
    std::vector<Condition>& conditions = conditions_.emplace_back();
    for (const v1::Condition& condition : parameter.when()) {
      const int named = *space.Find(condition.path());
      Condition& added = conditions.emplace_back(Condition{named, {}});
      for (const auto& value : condition.values()) {
        added.indices.insert(axis(named).IndexOf(axis(named).ToCoordinate(value)));
      }
    }
  }
  std::vector<bool> is_added(axes_.size());
  for (int i = 0; i < size(); ++i) AddToOrder(i, is_added);
}

void SearchSpace::AddToOrder(int i, std::vector<bool>& is_added) {
  if (is_added[static_cast<size_t>(i)]) return;
  is_added[static_cast<size_t>(i)] = true;
  for (const Condition& condition : conditions(i)) AddToOrder(condition.parameter, is_added);
  order_.push_back(i);
}

bool SearchSpace::Exists(int i, const Point& point) const {
  for (const Condition& condition : conditions(i)) {
    const double coordinate = point[static_cast<size_t>(condition.parameter)];
    if (IsAbsent(coordinate)) return false;
    if (!condition.indices.contains(axis(condition.parameter).IndexOf(coordinate))) return false;
  }
  return true;
}

std::vector<int> SearchSpace::ConditionsOf(int i) const {
  std::vector<int> named;
  for (const Condition& condition : conditions(i)) named.push_back(condition.parameter);
  return named;
}

bool SearchSpace::IsNamed(int i, double coordinate) const {
  const int64_t index = axis(i).IndexOf(coordinate);
  for (const std::vector<Condition>& of_other : conditions_) {
    for (const Condition& condition : of_other) {
      if (condition.parameter == i && condition.indices.contains(index)) return true;
    }
  }
  return false;
}

Point SearchSpace::Fill(
    absl::FunctionRef<double(int parameter, const Point& so_far)> choose) const {
  Point point(axes_.size(), kAbsent);
  for (const int i : order_) {
    if (Exists(i, point)) point[static_cast<size_t>(i)] = choose(i, point);
  }
  return point;
}

double SearchSpace::DrawCoordinate(int i, uint64_t key, int64_t number, int attempt) const {
  return axis(i).Draw(
      UniformAt(key, number, static_cast<uint32_t>(i), static_cast<uint32_t>(attempt)));
}

Point SearchSpace::Draw(uint64_t key, int64_t number, int attempt) const {
  return Fill([&](int i, const Point&) { return DrawCoordinate(i, key, number, attempt); });
}

Configuration SearchSpace::ToConfiguration(const Point& point) const {
  Configuration configuration;
  for (int i = 0; i < size(); ++i) {
    const double coordinate = point[static_cast<size_t>(i)];
    if (IsAbsent(coordinate)) continue;
    v1::Assignment& assignment = configuration.emplace_back();
    assignment.set_path(parameter(i).path());
    *assignment.mutable_value() = axis(i).ToValue(coordinate);
  }
  return configuration;
}

Point SearchSpace::ToPoint(
    const google::protobuf::RepeatedPtrField<v1::Assignment>& parameters) const {
  Point point(axes_.size(), kAbsent);
  // Both are in the order of the space, as a rule.
  int i = 0;
  for (const v1::Assignment& assignment : parameters) {
    for (int tries = 0; tries < size(); ++tries, i = (i + 1) % size()) {
      if (parameter(i).path() != assignment.path()) continue;
      point[static_cast<size_t>(i)] = axis(i).ToCoordinate(assignment.value());
      break;
    }
  }
  return point;
}

}  // namespace tpsweep::server
