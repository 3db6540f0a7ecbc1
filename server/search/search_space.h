// The search space as samplers walk it: which parameters exist where, and the
// order in which that can be decided.
//
// Immutable, so thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/search/axis.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// A coordinate for each parameter, in the order of the space; kAbsent where it
// does not exist.
using Point = std::vector<double>;
using Configuration = std::vector<v1::Assignment>;  // active parameters, in the order of the space

class SearchSpace {
 public:
  // Copies what it needs. `spec` is legal.
  explicit SearchSpace(const v1::StudySpec& spec);

  int size() const { return static_cast<int>(axes_.size()); }
  const Axis& axis(int i) const { return axes_[static_cast<size_t>(i)]; }
  const v1::Parameter& parameter(int i) const { return axis(i).parameter(); }

  // The parameters in the order of the space, except that each comes after those
  // that its conditions name.
  absl::Span<const int> order() const { return order_; }

  // Whether parameter `i` exists, given the values of all before it in order().
  bool Exists(int i, const Point& point) const;

  // The parameters that the conditions of `i` name.
  std::vector<int> ConditionsOf(int i) const;
  // Whether a condition may tell this value of parameter `i` from other values.
  bool IsNamed(int i, double coordinate) const;

  // The point whose parameters, in order(), are chosen one by one; `choose` is asked
  // only for those that exist.
  Point Fill(absl::FunctionRef<double(int parameter, const Point& so_far)> choose) const;
  // A point drawn from the priors. Each parameter has its own number of (key, number,
  // attempt), whether others exist or not.
  Point Draw(uint64_t key, int64_t number, int attempt) const;
  double DrawCoordinate(int i, uint64_t key, int64_t number, int attempt) const;

  Configuration ToConfiguration(const Point& point) const;
  // Values that are not of this space are left out.
  Point ToPoint(const google::protobuf::RepeatedPtrField<v1::Assignment>& parameters) const;

 private:
  struct Condition {
    int parameter;
    absl::flat_hash_set<int64_t> indices;  // of its values
  };

  void AddToOrder(int i, std::vector<bool>& is_added);
  absl::Span<const Condition> conditions(int i) const {
    return conditions_[static_cast<size_t>(i)];
  }

  std::vector<Axis> axes_;
  std::vector<std::vector<Condition>> conditions_;
  std::vector<int> order_;
};

// In [0, 1), 53 bits.
double UniformAt(uint64_t key, int64_t number, uint32_t dimension, uint32_t attempt);

}  // namespace tpsweep::server
