// The shapes of the data sets that are known by name, for the door, which sees no data.
#pragma once

#include <cstdint>
#include <optional>

#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

struct DataShape {
  MapShape input;
  int64_t num_outputs = 0;  // classes or targets
};

// Of mnist, fashion-mnist, cifar10 and the student-teacher task; nothing for a data
// set of the user's own. What the worker finds on its disk under these names decides
// in the end.
std::optional<DataShape> KnownShape(const v1::Dataset& dataset);

}  // namespace tpsweep
