// Which damping brings the Gauss-Newton targets closest to the rule's update: the angle
// with them, for a grid of dampings and every hidden layer, averaged over the measured
// mini-batches of an epoch. Part of the state of a run, because a run may stop within it.
#pragma once

#include <cstddef>
#include <iterator>
#include <vector>

#include "tpsweep/v1/measurement.pb.h"

namespace tpsweep::trainer {

struct DampingSearch {
  static constexpr double kDampings[] = {0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10};
  static constexpr size_t kNumDampings = std::size(kDampings);

  explicit DampingSearch(int num_hidden_layers);

  // An angle that is not a number is not counted.
  void Add(int layer, size_t damping, double angle);

  // layer/damping_search/angle/DAMPING, the means, and layer/damping_search/best, the
  // damping of the smallest (the first of equals); not a number for the output layer.
  void AddResults(v1::Measurement& measurement) const;

  // Whether sums and counts can have come from Add.
  bool IsLegal() const;

  // For each hidden layer, every damping.
  std::vector<double> sum;
  std::vector<double> count;
};

// In the order of a checkpoint.
template <class Search, class Visitor>
void VisitDampingSearch(Search& search, Visitor& visit) {
  visit("damping_search/sum", search.sum);
  visit("damping_search/count", search.count);
}

}  // namespace tpsweep::trainer
