// What the dynamics of inversion can bear: asked by the door, where the widths are known,
// and by the trainer.
#pragma once

#include <cstdint>

namespace tpsweep {

// Units of the dynamics (n_l + n_{l-1}; sldi: all layers from the first hidden one on) that
// ssa takes on, at most. A step decomposes a matrix of so many rows and columns: with 256 of
// them it takes about half a second, and a run may need hundreds.
inline constexpr int64_t kMaxSsaUnits = 256;

}  // namespace tpsweep
