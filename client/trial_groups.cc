#include "client/trial_groups.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/values.h"
#include "common/spec/ranking.h"
#include "common/spec/resolve.h"
#include "common/spec/values.h"
#include "common/status_macros.h"

namespace tpsweep::client {
namespace {

using google::protobuf::Value;

// The field of a spec, a oneof as the name of its member; nothing if it is not set.
std::optional<Value> FixedValue(const v1::StudySpec& spec, const spec::ResolvedPath& path) {
  const google::protobuf::Message* holder = spec::FindHolder(spec, path);
  if (holder == nullptr) return std::nullopt;
  if (path.oneof != nullptr) {
    const auto* member = holder->GetReflection()->GetOneofFieldDescriptor(*holder, path.oneof);
    if (member == nullptr) return std::nullopt;
    Value value;
    value.set_string_value(member->name());
    return value;
  }
  if (path.index < 0) return spec::GetValue(*holder, *path.field);
  if (path.index >= holder->GetReflection()->FieldSize(*holder, path.field)) return std::nullopt;
  return spec::GetElement(*holder, *path.field, path.index);
}

// `by` in full, from a path or a short name.
std::string FullPath(absl::Span<const StudyResults> studies, absl::string_view by) {
  const std::vector<std::string> paths = SearchedPaths(studies);
  const std::vector<std::string> names = ShortNames(paths);
  const auto found = std::find(names.begin(), names.end(), by);
  if (found == names.end()) return std::string(by);
  return paths[static_cast<size_t>(found - names.begin())];
}

TrialGroup& GroupOf(const Value& value, std::vector<TrialGroup>& groups) {
  const Json json = ParameterJson(value);
  for (TrialGroup& group : groups) {
    if (group.value == json) return group;
  }
  return groups.emplace_back(TrialGroup{ParameterText(value), json, {}});
}

}  // namespace

std::vector<std::string> SearchedPaths(absl::Span<const StudyResults> studies) {
  std::vector<std::string> paths;
  for (const StudyResults& study : studies) {
    for (const v1::Parameter& parameter : study.study.spec().space()) {
      if (std::find(paths.begin(), paths.end(), parameter.path()) == paths.end()) {
        paths.push_back(parameter.path());
      }
    }
  }
  return paths;
}

absl::StatusOr<TrialGroups> GroupTrials(absl::Span<const StudyResults> studies,
                                        absl::string_view by) {
  TrialGroups result;
  result.path = FullPath(studies, by);
  const auto resolved = spec::ResolvePath(*v1::StudySpec::descriptor(), result.path);
  if (!resolved.ok()) {
    const std::vector<std::string> paths = SearchedPaths(studies);
    return absl::NotFoundError(absl::StrCat(
        resolved.status().message(),
        paths.empty() ? "; nothing is searched" : "; searched: ", absl::StrJoin(paths, ", ")));
  }
  for (const StudyResults& study : studies) {
    for (const v1::Parameter& parameter : study.study.spec().space()) {
      if (parameter.path() != result.path) continue;
      for (const Value& value : parameter.choice().values()) GroupOf(value, result.groups);
    }
    const std::optional<Value> fixed = FixedValue(study.study.spec(), *resolved);
    for (const TrialResults& trial : study.trials) {
      const Value* value = FindParameter(trial.trial, result.path);
      if (value == nullptr && fixed) value = &*fixed;
      if (value == nullptr) {
        ++result.trials_without;
      } else {
        GroupOf(*value, result.groups).trials.push_back(&trial);
      }
    }
  }
  std::erase_if(result.groups, [](const TrialGroup& group) { return group.trials.empty(); });
  return result;
}

const TrialResults* BestOf(absl::Span<const TrialResults* const> trials,
                           const v1::StudySpec& spec) {
  const TrialResults* best = nullptr;
  for (const TrialResults* trial : trials) {
    // Trials that were stopped at a rung, or wait there, have an objective too: of fewer
    // epochs.
    if (trial->trial.state() != v1::TRIAL_STATE_SUCCEEDED) continue;
    const auto rank = spec::RankOf(spec, trial->trial);
    if (std::get<0>(rank)) continue;
    if (best == nullptr || rank < spec::RankOf(spec, best->trial)) best = trial;
  }
  return best;
}

}  // namespace tpsweep::client
