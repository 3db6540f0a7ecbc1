// NSGA-II (nsga2.h), one child at a time: the parents are the best `population` of all
// trials that have ended, so that workers never wait for a generation to end.
//
// Children: binary tournaments, simulated binary crossover (K. Deb, R. B. Agrawal,
// 1995) and polynomial mutation (K. Deb, M. Goyal, 1996), with the paper's indices and
// rates. A parameter that only one parent has comes from that one.
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

std::unique_ptr<Sampler> MakeNsga2Sampler(const v1::StudySpec& spec, const SearchSpace& space);

}  // namespace tpsweep::server
