// Functions on which samplers are compared, over boxes of real numbers; all are to be
// minimised.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace tpsweep::server {

struct TestFunction {
  std::string name;
  std::vector<std::pair<double, double>> box;
  double optimum;
  double (*value)(absl::Span<const double> x);
};

// Branin (2 dimensions), Hartmann (6), Rastrigin (8), as in D. Bingham and S.
// Surjanovic, "Virtual library of simulation experiments: test functions".
absl::Span<const TestFunction> TestFunctions();

}  // namespace tpsweep::server
