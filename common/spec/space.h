// The search space of a study: its parameters, found by path, and what is known
// of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/spec/resolve.h"
#include "common/spec/rules.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

// A view of spec.space, which must outlive it. Holds for any spec, legal or not.
// Values are compared by their text (ToText).
class Space {
 public:
  explicit Space(const v1::StudySpec& spec);

  int size() const { return spec_.space_size(); }
  const v1::Parameter& parameter(int i) const { return spec_.space(i); }

  // Where parameter `i` leads, or why nowhere.
  const absl::StatusOr<ResolvedPath>& where(int i) const { return known_[At(i)].where; }

  // The conditions of parameter `i` that name a parameter of the space.
  struct Condition {
    int parameter;
    absl::flat_hash_set<std::string> values;
  };
  absl::Span<const Condition> conditions(int i) const { return known_[At(i)].conditions; }

  // The (first) parameter with this path.
  std::optional<int> Find(absl::string_view path) const;

  // What is searched, and so stays unset in spec.training.
  OpenPaths SearchedPaths() const;

  // Whether `value` is in the domain of parameter `i`, which is no interval of
  // real numbers.
  bool CanTake(int i, const google::protobuf::Value& value) const;

  // Whether parameter `i` exists only where the parameter `path` has `value`,
  // by its own conditions or by those of the parameters they name.
  bool Implies(int i, absl::string_view path, const std::string& value) const;

  // Whether the conditions of parameter `i` lead back to itself.
  bool IsCyclic(int i) const;

 private:
  static size_t At(int i) { return static_cast<size_t>(i); }

  struct Known {
    absl::StatusOr<ResolvedPath> where;
    absl::flat_hash_set<std::string> choices;
    std::vector<Condition> conditions;
  };
  const v1::StudySpec& spec_;
  std::vector<Known> known_;
  absl::flat_hash_map<std::string, int> by_path_;
};

// The values that a check tries: all of a choice, both ends of an interval.
std::vector<google::protobuf::Value> ProbeValues(const v1::Parameter& parameter);

// The first of them. The parameter has a domain, and that a value.
google::protobuf::Value FirstValue(const v1::Parameter& parameter);

}  // namespace tpsweep::spec
