// What of many trials is best under several objectives.
//
// K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective
// genetic algorithm: NSGA-II" (IEEE Trans. Evolutionary Computation 6, 2002): fronts
// (III.A), crowding (III.B), constraints (VI). A trial dominates another if it is at
// least as good in every objective and better in one; or if it breaks the constraints
// less. Bad trials break them without bound.
//
// Pure functions, so thread-safe.
#pragma once

#include <vector>

#include "absl/types/span.h"

namespace tpsweep::server {

struct Candidate {
  std::vector<double> objectives;  // smaller is better
  double violation = 0;
};

bool Dominates(const Candidate& a, const Candidate& b);

// The number of the front of each: 0 for those that nothing dominates, 1 for those that
// only members of front 0 dominate, and so on. Where the first fronts have `enough`
// members, all further candidates get one number, the next: so that much work is saved.
std::vector<int> Fronts(absl::Span<const Candidate> candidates, size_t enough);

// How much room each of `members`, of one front, has: the sum over the objectives of the
// distance between its two neighbours, in parts of the range; infinite at the ends.
std::vector<double> Crowding(absl::Span<const Candidate> candidates, absl::Span<const int> members);

// The best `count`, by front and, within a front, room: most first. Ties by index.
std::vector<int> BestByFront(absl::Span<const Candidate> candidates, size_t count);

}  // namespace tpsweep::server
