// Gaussian process (gaussian_process.h) with expected improvement.
//
// D. R. Jones, M. Schonlau, W. J. Welch, "Efficient global optimization of expensive
// black-box functions" (J. Global Optimization 13, 1998). Trials that run count as
// having the median value, so that several workers do not try the same; those that
// are bad, or break a constraint, as having the worst.
//
// A sampler knows no clock, so its time is bounded by its work, and its answers stay
// reproducible: lengths are fitted in a fixed number of steps to a fixed number of
// trials (the best, and the latest of the others), and the improvement is computed at
// a fixed number of points. What grows is the one decomposition of the matrix of all
// trials, of which there are at most kMostModelled; beyond that the sampler turns to
// TPE, and says so in the trial's source.
#pragma once

#include <memory>

#include "server/search/sampler.h"

namespace tpsweep::server {

constexpr int kMostModelled = 500;

std::unique_ptr<Sampler> MakeGpSampler(const v1::StudySpec& spec, const SearchSpace& space);

}  // namespace tpsweep::server
