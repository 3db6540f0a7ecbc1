#include "common/spec/arms.h"

#include <algorithm>

#include "common/spec/field_path.h"
#include "common/spec/grid_size.h"

namespace tpsweep::spec {
namespace {

// Without the configurations of search.first that have another value.
v1::StudySpec OnlyWith(const v1::StudySpec& spec, const std::string& per,
                       const google::protobuf::Value& value) {
  v1::StudySpec one = spec;
  for (v1::Parameter& parameter : *one.mutable_space()) {
    if (parameter.path() != per) continue;
    parameter.mutable_choice()->clear_values();
    *parameter.mutable_choice()->add_values() = value;
  }
  auto& first = *one.mutable_search()->mutable_first();
  const auto has_another = [&](const v1::Configuration& configuration) {
    return std::any_of(configuration.values().begin(), configuration.values().end(),
                       [&](const v1::Assignment& assignment) {
                         return assignment.path() == per &&
                                ToText(assignment.value()) != ToText(value);
                       });
  };
  first.erase(std::remove_if(first.begin(), first.end(), has_another), first.end());
  return one;
}

}  // namespace

std::vector<ArmSpec> ArmsOf(const v1::StudySpec& spec) {
  const std::string& per = spec.budget().per();
  std::vector<ArmSpec> arms;
  for (const v1::Parameter& parameter : spec.space()) {
    if (per.empty() || parameter.path() != per) continue;
    for (const google::protobuf::Value& value : parameter.choice().values()) {
      arms.push_back({ToText(value), OnlyWith(spec, per, value)});
    }
  }
  if (arms.empty()) arms.push_back({"", spec});
  return arms;
}

int64_t ExpectedRuns(const v1::StudySpec& spec) {
  const v1::Budget& budget = spec.budget();
  const bool may_end_early = spec.search().racing().min_replicates() > 0 ||
                             spec.search().scheduler().has_pbt() || budget.epochs() > 0 ||
                             budget.core_seconds() > 0 || budget.wall_seconds() > 0;
  if (may_end_early) return -1;
  int64_t trials = 0;
  for (const ArmSpec& arm : ArmsOf(spec)) trials += TrialCount(arm.spec);
  return trials * spec.search().replicates();
}

}  // namespace tpsweep::spec
