// How many configurations a space has, and how many trials a study.
#pragma once

#include <cstdint>

#include "common/spec/space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::spec {

constexpr double kLargestGrid = 1e6;

// Infinite where an interval of real numbers has no `points`. Counts a conditional parameter only
// where it exists. In spaces with very many combinations of conditions the plain product, which is
// never too small. The space is legal.
double GridSize(const Space& space);

// `trials` of the sampler; infinite for a grid, which has no limit of its own.
double SamplerTrials(const v1::Sampler& sampler);

// The trials of the sampler, but no more than a population has, nor than the budget, nor, unless
// they may be repeated, than there are configurations. `spec` is complete.
int64_t TrialCount(const v1::StudySpec& spec);

}  // namespace tpsweep::spec
