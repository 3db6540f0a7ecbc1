// Resource names: studies/S, studies/S/trials/3, studies/S/trials/3/runs/0,
// studies/S/trials/3/runs/0/attempts/1, parsed and formatted in this one place.
//
// Parsing is strict (each resource has exactly one name: no leading zeros, no
// empty parts), and its errors are kInvalidArgument with the name and the reason.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tpsweep {

struct StudyName {
  std::string study;
  friend auto operator<=>(const StudyName&, const StudyName&) = default;
};
struct TrialName {
  std::string study;
  int64_t trial = 0;
  friend auto operator<=>(const TrialName&, const TrialName&) = default;
};
struct RunName {
  std::string study;
  int64_t trial = 0;
  int64_t replicate = 0;
  friend auto operator<=>(const RunName&, const RunName&) = default;
};
struct AttemptName {
  std::string study;
  int64_t trial = 0;
  int64_t replicate = 0;
  int64_t attempt = 1;  // counted from 1
  friend auto operator<=>(const AttemptName&, const AttemptName&) = default;
};
// A name of any of the four kinds; what it does not go down to is not set.
struct ResourceName {
  std::string study;
  std::optional<int64_t> trial;
  std::optional<int64_t> replicate;
  std::optional<int64_t> attempt;
  friend bool operator==(const ResourceName&, const ResourceName&) = default;
};

absl::StatusOr<StudyName> ParseStudyName(absl::string_view name);
absl::StatusOr<TrialName> ParseTrialName(absl::string_view name);
absl::StatusOr<RunName> ParseRunName(absl::string_view name);
absl::StatusOr<AttemptName> ParseAttemptName(absl::string_view name);
absl::StatusOr<ResourceName> ParseResourceName(absl::string_view name);

std::string ToString(const StudyName& name);
std::string ToString(const TrialName& name);
std::string ToString(const RunName& name);
std::string ToString(const AttemptName& name);

inline StudyName ParentOf(const TrialName& name) { return {name.study}; }
inline TrialName ParentOf(const RunName& name) { return {name.study, name.trial}; }
inline RunName ParentOf(const AttemptName& name) {
  return {name.study, name.trial, name.replicate};
}

}  // namespace tpsweep
