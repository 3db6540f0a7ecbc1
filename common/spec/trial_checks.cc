#include "common/spec/trial_checks.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/spec/field_path.h"
#include "common/spec/objective_checks.h"
#include "common/spec/rules.h"
#include "common/spec/space_checks.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Value;

// One configuration of the space: the first value of every parameter, but for
// those that are forced.
class Configuration {
 public:
  explicit Configuration(const Space& space)
      : space_(space), forced_(static_cast<size_t>(space.size())) {}

  // Gives parameter `i` a value, and those that it depends on what it needs.
  void Force(int i, const Value& value) {
    if (forced_[static_cast<size_t>(i)]) return;
    forced_[static_cast<size_t>(i)] = value;
    for (const v1::Condition& condition : space_.parameter(i).when()) {
      Force(*space_.Find(condition.path()), condition.values(0));
    }
  }

  // Gives parameter `i` a value, whatever it depends on.
  void Set(int i, const Value& value) { forced_[static_cast<size_t>(i)] = value; }

  std::vector<v1::Assignment> Assignments() const {
    std::vector<std::optional<bool>> exists(forced_.size());
    std::vector<v1::Assignment> assignments;
    for (int i = 0; i < space_.size(); ++i) {
      if (!Exists(i, exists)) continue;
      v1::Assignment& assignment = assignments.emplace_back();
      assignment.set_path(space_.parameter(i).path());
      *assignment.mutable_value() = ValueOf(i);
    }
    return assignments;
  }

 private:
  Value ValueOf(int i) const {
    const auto& forced = forced_[static_cast<size_t>(i)];
    return forced ? *forced : FirstValue(space_.parameter(i));
  }

  bool Exists(int i, std::vector<std::optional<bool>>& known) const {
    std::optional<bool>& exists = known[static_cast<size_t>(i)];
    if (exists) return *exists;
    exists = true;
    for (const Space::Condition& condition : space_.conditions(i)) {
      const bool holds = Exists(condition.parameter, known) &&
                         condition.values.contains(ToText(ValueOf(condition.parameter)));
      if (!holds) exists = false;
    }
    return *exists;
  }

  const Space& space_;
  std::vector<std::optional<Value>> forced_;
};

// What is wrong with one configuration.
Problems Try(const v1::StudySpec& spec, const Configuration& configuration) {
  Problems problems;
  const v1::TrainingSpec training =
      MakeTraining(spec.training(), configuration.Assignments(), problems);
  CheckMeasured(spec, training, problems);
  return problems;
}

// Each configuration of search.first; what it leaves out may be anything.
void CheckFirst(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  for (int i = 0; i < spec.search().first_size() && !problems.is_long(); ++i) {
    Configuration configuration(space);
    for (const v1::Assignment& assignment : spec.search().first(i).values()) {
      configuration.Set(*space.Find(assignment.path()), assignment.value());
    }
    const Problems found = Try(spec, configuration);
    for (const Problem& problem : found.list()) {
      problems.Add(absl::StrCat("search.first[", i, "]"), "is illegal: ", problem.ToString());
    }
  }
}

// lr[2] before lr[10], training.rule before training.rule.dtp.sigma. Indices have
// no leading zeros, so the longer of two is the larger.
bool ComesBefore(const v1::Assignment& a, const v1::Assignment& b) {
  const std::vector<absl::string_view> left = absl::StrSplit(a.path(), absl::ByAnyChar(".[]"));
  const std::vector<absl::string_view> right = absl::StrSplit(b.path(), absl::ByAnyChar(".[]"));
  const auto piece_before = [](absl::string_view one, absl::string_view other) {
    const bool are_indices =
        !one.empty() && absl::ascii_isdigit(static_cast<unsigned char>(one[0])) && !other.empty() &&
        absl::ascii_isdigit(static_cast<unsigned char>(other[0]));
    return std::tuple(are_indices ? one.size() : 0, one) <
           std::tuple(are_indices ? other.size() : 0, other);
  };
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      piece_before);
}

}  // namespace

v1::TrainingSpec MakeTraining(const v1::TrainingSpec& training,
                              absl::Span<const v1::Assignment> assignments, Problems& problems) {
  v1::StudySpec made;
  *made.mutable_training() = training;
  std::vector<v1::Assignment> ordered(assignments.begin(), assignments.end());
  std::stable_sort(ordered.begin(), ordered.end(), &ComesBefore);
  for (const v1::Assignment& assignment : ordered) {
    if (!absl::StartsWith(assignment.path(), "training.")) {
      problems.Add(assignment.path(), "only fields of training can be set by a trial");
    } else if (absl::Status status = SetField(made, assignment.path(), assignment.value());
               !status.ok()) {
      problems.Add("", status.message());
    }
  }
  CompleteByRules(*made.mutable_training(), "training", OpenPaths(), problems);
  FillDerivedDefaults(*made.mutable_training());
  if (problems.empty()) CheckTraining(made.training(), "training", problems);
  return std::move(*made.mutable_training());
}

void CheckTrials(const v1::StudySpec& spec, const Space& space, Problems& problems) {
  absl::flat_hash_set<std::string> known;
  const Problems found = Try(spec, Configuration(space));
  for (const Problem& problem : found.list()) {
    known.insert(problem.ToString());
    problems.Add(problem.path, problem.message);
  }
  if (found.empty()) CheckFirst(spec, space, problems);
  int tries_left = std::min(1000, 50000 / std::max(1, space.size()));
  for (int i = 0; i < space.size(); ++i) {
    for (const Value& value : ProbeValues(space.parameter(i))) {
      if (tries_left-- <= 0) return;
      Configuration configuration(space);
      configuration.Force(i, value);
      const Problems further = Try(spec, configuration);
      for (const Problem& problem : further.list()) {
        if (!known.insert(problem.ToString()).second) continue;
        problems.Add(SpacePath(space.parameter(i)), "with ", Shown(value),
                     " a trial is illegal: ", problem.ToString());
      }
    }
  }
}

}  // namespace tpsweep::spec
