// How much memory the measurements of a run need that hold the Jacobian of all
// outputs of a mini-batch in the parameters of a layer: asked by the door, where the
// shape of the data is known by name, and by the run.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// Of a complete spec whose network has these shapes of the layers 0..L.
// kInvalidArgument names the field, the quantity, the layer, the bytes and the limit.
absl::Status CheckMeasureMemory(const v1::TrainingSpec& spec, absl::Span<const LayerShape> shapes);

}  // namespace tpsweep
