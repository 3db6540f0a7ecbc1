#include "common/spec/space.h"

#include <cmath>

#include "common/spec/field_path.h"

namespace tpsweep::spec {

using google::protobuf::Value;

Space::Space(const v1::StudySpec& spec) : spec_(spec) {
  for (int i = 0; i < spec.space_size(); ++i) by_path_.emplace(spec.space(i).path(), i);
  for (const v1::Parameter& parameter : spec.space()) {
    Known known{ResolvePath(*v1::StudySpec::descriptor(), parameter.path()), {}, {}};
    for (const Value& value : parameter.choice().values()) known.choices.insert(ToText(value));
    for (const v1::Condition& condition : parameter.when()) {
      const auto named = Find(condition.path());
      if (!named) continue;
      Condition& added = known.conditions.emplace_back(Condition{*named, {}});
      for (const Value& value : condition.values()) added.values.insert(ToText(value));
    }
    known_.push_back(std::move(known));
  }
}

std::optional<int> Space::Find(absl::string_view path) const {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return std::nullopt;
  return found->second;
}

OpenPaths Space::SearchedPaths() const {
  OpenPaths paths;
  for (const v1::Parameter& parameter : spec_.space()) paths.Add(parameter.path());
  return paths;
}

bool Space::CanTake(int i, const Value& value) const {
  const v1::Parameter& searched = parameter(i);
  if (searched.has_boolean()) return value.kind_case() == Value::kBoolValue;
  if (!searched.has_integer()) return known_[At(i)].choices.contains(ToText(value));
  const double number = value.number_value();
  return value.kind_case() == Value::kNumberValue && std::trunc(number) == number &&
         number >= searched.integer().low() && number <= searched.integer().high();
}

bool Space::Implies(int i, absl::string_view path, const std::string& value) const {
  std::vector<bool> seen(known_.size());
  std::vector<int> open = {i};
  while (!open.empty()) {
    const int at = open.back();
    open.pop_back();
    if (seen[At(at)]) continue;
    seen[At(at)] = true;
    for (const Condition& condition : conditions(at)) {
      const bool names_it = parameter(condition.parameter).path() == path;
      if (names_it && condition.values.size() == 1 && condition.values.contains(value)) return true;
      open.push_back(condition.parameter);
    }
  }
  return false;
}

bool Space::IsCyclic(int i) const {
  std::vector<bool> seen(known_.size());
  std::vector<int> open = {i};
  while (!open.empty()) {
    const int at = open.back();
    open.pop_back();
    if (seen[At(at)]) continue;
    seen[At(at)] = true;
    for (const Condition& condition : conditions(at)) {
      if (condition.parameter == i) return true;
      open.push_back(condition.parameter);
    }
  }
  return false;
}

std::vector<Value> ProbeValues(const v1::Parameter& parameter) {
  const auto ends = [](const v1::Interval& interval) {
    std::vector<Value> values(2);
    values[0].set_number_value(interval.low());
    values[1].set_number_value(interval.high());
    return values;
  };
  switch (parameter.domain_case()) {
    case v1::Parameter::kLinear:
      return ends(parameter.linear());
    case v1::Parameter::kLog:
      return ends(parameter.log());
    case v1::Parameter::kInteger:
      return ends(parameter.integer());
    case v1::Parameter::kChoice:
      return {parameter.choice().values().begin(), parameter.choice().values().end()};
    case v1::Parameter::kBoolean: {
      std::vector<Value> values(2);
      values[0].set_bool_value(false);
      values[1].set_bool_value(true);
      return values;
    }
    case v1::Parameter::DOMAIN_NOT_SET:
      break;
  }
  return {};
}

Value FirstValue(const v1::Parameter& parameter) {
  // A choice may be long.
  return parameter.has_choice() ? parameter.choice().values(0) : ProbeValues(parameter).front();
}

}  // namespace tpsweep::spec
