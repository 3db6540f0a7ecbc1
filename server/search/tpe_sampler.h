// Tree-structured Parzen estimator.
//
// J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, "Algorithms for hyper-parameter
// optimization" (NIPS 2011); the joint form as in S. Falkner, A. Klein, F. Hutter,
// "BOHB" (ICML 2018).
//
//   l(x)  density of the good trials, the best few of those that have ended
//   g(x)  density of all others, and of the trials that still run: the constant liar
//         that keeps workers apart
//
// Of some draws from l the one with the largest l(x) / g(x) is proposed, which is
// the one with the largest expected improvement (eq. 5). Jointly x is a whole
// configuration; otherwise each parameter is chosen by itself, in the order of the
// conditions.
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

std::unique_ptr<Sampler> MakeTpeSampler(const v1::StudySpec& spec, const SearchSpace& space);

// What TPE proposes from `history`, whatever the sampler of the study: the others
// turn to it for what they cannot model. `key` decides its draws.
Point TpePoint(const SearchSpace& space, const History& history, v1::TpeModel model, uint64_t key);

}  // namespace tpsweep::server
