// A study that gives each value of a parameter a budget of its own (budget.per) is as many
// studies beside one another: its arms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

struct ArmSpec {
  std::string value;   // of budget.per, as text (ToText); empty without it
  v1::StudySpec spec;  // with that value only
};

// In the order of the values; one, if the study has no budget.per. `spec` is complete.
std::vector<ArmSpec> ArmsOf(const v1::StudySpec& spec);

// How many runs the study will have; -1 if that is not known: a race, or a budget of
// epochs or time, may end it early, and how many trials of a population are replaced depends
// on how they do.
int64_t ExpectedRuns(const v1::StudySpec& spec);

}  // namespace tpsweep::spec
