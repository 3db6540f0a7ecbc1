// The search space as samplers walk it: which parameters exist where, and the
// order in which that can be decided.
//
// Immutable, so thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/space.h"
#include "google/protobuf/struct.pb.h"
#include "server/search/sampler.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// By index in the space; nothing where the parameter does not exist.
using SpaceValues = std::vector<std::optional<google::protobuf::Value>>;

class SearchSpace {
 public:
  // Copies what it needs. `spec` is legal.
  explicit SearchSpace(const v1::StudySpec& spec);
  SearchSpace(const SearchSpace&) = delete;
  SearchSpace& operator=(const SearchSpace&) = delete;

  int size() const { return spec_.space_size(); }
  const v1::Parameter& parameter(int i) const { return spec_.space(i); }

  // The parameters in the order of the space, except that each comes after those
  // that its conditions name.
  absl::Span<const int> order() const { return order_; }

  // Whether parameter `i` exists, given the values of all before it in order().
  bool Exists(int i, const SpaceValues& values) const;

  // The parameters that the conditions of `i` name.
  std::vector<int> ConditionsOf(int i) const;

  // Whether a condition may tell `value` of parameter `i` from other values.
  bool IsNamed(int i, const google::protobuf::Value& value) const;

  Configuration ToConfiguration(const SpaceValues& values) const;

  // No more trials than the study may have.
  int64_t WithinBudget(int64_t trials) const;

 private:
  void AddToOrder(int i, std::vector<bool>& is_added);

  v1::StudySpec spec_;  // its space and budget
  spec::Space space_;   // a view of it
  std::vector<int> order_;
};

}  // namespace tpsweep::server
