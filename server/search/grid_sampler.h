// Every configuration of the grid (grid.h) once, in order.
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

std::unique_ptr<Sampler> MakeGridSampler(const v1::StudySpec& spec, const SearchSpace& space);

}  // namespace tpsweep::server
