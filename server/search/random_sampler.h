// Independent draws: trial n is a pure function of (search.seed, n), whatever
// came before it.
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

std::unique_ptr<Sampler> MakeRandomSampler(const v1::StudySpec& spec, const SearchSpace& space);

}  // namespace tpsweep::server
