// Whether the layers of a network have the exact inverses that the rules tp, itp and gait,
// and the measurement inverse_error, take: asked by the door, as far as the shape of the
// data is known there, and by the run.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// Whether W[l] is square and reads the first units of a vector; 2 <= l <= L.
bool HasSquareMatrix(const LayerShape& layer);

// Whether the activation of a forward layer is one-to-one onto all numbers.
bool HasInverse(v1::Activation activation);

// Of a complete spec whose network has these shapes of the layers 0..L. OK if nothing asks
// for inverses. Those of the layers from 2 on must exist; that of layer 1 is never taken.
// kInvalidArgument names the field, the layer, its shape, and the remedy.
absl::Status CheckInvertibleLayers(const v1::TrainingSpec& spec,
                                   absl::Span<const LayerShape> shapes);

}  // namespace tpsweep
