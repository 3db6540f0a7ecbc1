// The configuration of a trial that goes on from another (search.scheduler.pbt).
#pragma once

#include <cstdint>

#include "server/search/search_space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

// The parameters of `parent`, of which those that may change while a network is trained
// (spec::IsPerturbed) do change. A pure function of its arguments; `number` is that of the
// new trial.
Configuration Perturb(const SearchSpace& space, const v1::PbtScheduler& pbt, uint64_t seed,
                      int64_t number, const v1::Trial& parent);

}  // namespace tpsweep::server
