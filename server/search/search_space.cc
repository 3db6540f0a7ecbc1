#include "server/search/search_space.h"

#include <algorithm>

#include "common/spec/field_path.h"

namespace tpsweep::server {
namespace {

v1::StudySpec SpaceAndBudget(const v1::StudySpec& spec) {
  v1::StudySpec part;
  *part.mutable_space() = spec.space();
  *part.mutable_budget() = spec.budget();
  return part;
}

}  // namespace

SearchSpace::SearchSpace(const v1::StudySpec& spec) : spec_(SpaceAndBudget(spec)), space_(spec_) {
  std::vector<bool> is_added(static_cast<size_t>(size()));
  for (int i = 0; i < size(); ++i) AddToOrder(i, is_added);
}

void SearchSpace::AddToOrder(int i, std::vector<bool>& is_added) {
  if (is_added[static_cast<size_t>(i)]) return;
  is_added[static_cast<size_t>(i)] = true;
  for (const int named : ConditionsOf(i)) AddToOrder(named, is_added);
  order_.push_back(i);
}

bool SearchSpace::Exists(int i, const SpaceValues& values) const {
  for (const spec::Space::Condition& condition : space_.conditions(i)) {
    const auto& value = values[static_cast<size_t>(condition.parameter)];
    if (!value.has_value() || !condition.values.contains(spec::ToText(*value))) return false;
  }
  return true;
}

std::vector<int> SearchSpace::ConditionsOf(int i) const {
  std::vector<int> named;
  for (const spec::Space::Condition& condition : space_.conditions(i)) {
    named.push_back(condition.parameter);
  }
  return named;
}

bool SearchSpace::IsNamed(int i, const google::protobuf::Value& value) const {
  const std::string text = spec::ToText(value);
  for (int other = 0; other < size(); ++other) {
    for (const spec::Space::Condition& condition : space_.conditions(other)) {
      if (condition.parameter == i && condition.values.contains(text)) return true;
    }
  }
  return false;
}

Configuration SearchSpace::ToConfiguration(const SpaceValues& values) const {
  Configuration configuration;
  for (int i = 0; i < size(); ++i) {
    const auto& value = values[static_cast<size_t>(i)];
    if (!value.has_value()) continue;
    v1::Assignment& assignment = configuration.emplace_back();
    assignment.set_path(parameter(i).path());
    *assignment.mutable_value() = *value;
  }
  return configuration;
}

int64_t SearchSpace::WithinBudget(int64_t trials) const {
  const int64_t budget = spec_.budget().trials();  // 0: no limit
  return budget == 0 ? trials : std::min(trials, budget);
}

}  // namespace tpsweep::server
