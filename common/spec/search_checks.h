// How a study is searched: whether the sampler can handle the space and the
// objectives, and the values that search.first and priors give.
#pragma once

#include "common/spec/problems.h"
#include "common/spec/space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

// `spec` has its defaults, and its space is legal.
void CheckSearch(const v1::StudySpec& spec, const Space& space, Problems& problems);

// Whether the parameter may become another while a network is trained
// (search.scheduler.pbt): a real number that does not change the data.
bool IsPerturbed(const v1::Parameter& parameter);

}  // namespace tpsweep::spec
