// What must hold of the search space of a study.
#pragma once

#include "common/spec/problems.h"
#include "common/spec/space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

// Where problems of parameter `i` are reported: space.training.forward.lr.
std::string SpacePath(const v1::Parameter& parameter);

// No field is fixed as well as searched. To be asked before defaults are filled in.
void CheckFixedAndSearched(const v1::StudySpec& spec, const Space& space, Problems& problems);

// Paths, domains, points and conditions of all parameters, and the size of a grid.
// `spec` has its defaults.
void CheckSpace(const v1::StudySpec& spec, const Space& space, Problems& problems);

}  // namespace tpsweep::spec
