// How many configurations a grid has.
#pragma once

#include "common/spec/space.h"

namespace tpsweep::spec {

constexpr double kLargestGrid = 1e6;

// Counts a conditional parameter only where it exists. In spaces with very many
// combinations of conditions the plain product, which is never too small. The
// space is legal.
double GridSize(const Space& space);

}  // namespace tpsweep::spec
