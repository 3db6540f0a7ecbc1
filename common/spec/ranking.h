// Which of two trials of a study is better.
#pragma once

#include <tuple>

#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

using Constraints = google::protobuf::RepeatedPtrField<v1::Constraint>;

// By how much the trial breaks the constraints: the sum of what it has above each bound, in
// parts of the bound, so that constraints of any scale add up. 0 if it keeps them all;
// not a number where one was not measured.
double Violation(const Constraints& constraints, const v1::Trial& trial);

// The smaller is the better one. First come trials that keep all constraints, by the first
// objective; then those that break some, the least broken first; then those of which an
// objective or a constraint is not known.
using Rank = std::tuple<bool, double, double>;
Rank RankOf(const v1::StudySpec& spec, const v1::Trial& trial);

}  // namespace tpsweep::spec
