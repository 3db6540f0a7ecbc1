// Every configuration once. A conditional parameter multiplies only those where
// it exists. The last parameter changes fastest (of SearchSpace::order, which is
// the order of the space wherever conditions name parameters above them).
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

std::unique_ptr<Sampler> MakeGridSampler(const v1::StudySpec& spec);

}  // namespace tpsweep::server
