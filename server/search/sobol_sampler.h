// The points of a scrambled Sobol sequence (sobol.h): trial n is point n, brought
// through the priors. Also the first trials of the samplers that learn.
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

// Point `number` of the sequence of `key`; for further attempts independent draws.
Point SobolPoint(const SearchSpace& space, uint64_t key, int64_t number, int attempt);

std::unique_ptr<Sampler> MakeSobolSampler(const v1::StudySpec& spec, const SearchSpace& space);

}  // namespace tpsweep::server
