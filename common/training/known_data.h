// What the name of a data set says, for the door, which sees no data: whether the worker
// makes it itself, and the shapes and sizes of those that are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// Names of the data sets that the worker makes itself, in order: each is the name of its
// field of Dataset with hyphens, student-teacher of student_teacher.
std::vector<std::string> GeneratedNames();
bool IsGenerated(absl::string_view name);

// The field of Dataset that says how it is made; empty if none is set.
std::string GeneratorField(const v1::Dataset& dataset);

// Whether the spec alone says that there are no classes: it is generated, or learns its
// own inputs. (A user's data may have real-valued targets too.)
bool IsRegression(const v1::Dataset& dataset);

struct DataShape {
  MapShape input;
  int64_t num_outputs = 0;  // classes or targets
  int64_t train_samples = 0, test_samples = 0;
};

// Of mnist, fashion-mnist, cifar10 and what is generated; nothing for a data set of the
// user's own. What the worker finds on its disk under these names decides in the end.
std::optional<DataShape> KnownShape(const v1::Dataset& dataset);

}  // namespace tpsweep
