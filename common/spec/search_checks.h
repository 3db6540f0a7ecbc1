// How a study is searched: whether the sampler can handle the space and the
// objectives, and the values that search.first and priors give.
#pragma once

#include "common/spec/problems.h"
#include "common/spec/space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

// `spec` has its defaults, and its space is legal.
void CheckSearch(const v1::StudySpec& spec, const Space& space, Problems& problems);

}  // namespace tpsweep::spec
