// CMA-ES (cma_es.h) of the numbers that exist everywhere; the other parameters are
// chosen as TPE does.
//
// The trials that have ended, by number, are cut into generations; what is told is
// replayed for each proposal, so that there is no state to keep. A trial that ends late
// moves into its place, and those after it along: that is as good a history. Where the
// distribution has shrunk to nothing, a new one starts at a random place with twice the
// population (A. Auger, N. Hansen, "A restart CMA evolution strategy with increasing
// population size", CEC 2005).
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

std::unique_ptr<Sampler> MakeCmaEsSampler(const v1::StudySpec& spec, const SearchSpace& space);

}  // namespace tpsweep::server
