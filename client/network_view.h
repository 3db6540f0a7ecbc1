// A network layer by layer: shapes and how many parameters.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/output.h"
#include "common/training/layer_shapes.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

struct LayerView {
  std::string kind;  // "conv 5x5, pool 3x3", "dense", "output"
  MapShape shape;
  int64_t weights = 0;
  int64_t biases = 0;
  double feedback_weights = 0;  // of the path to this layer
};

struct NetworkView {
  MapShape input;
  std::vector<LayerView> layers;
};

// The network of the study's first configuration (of searched fields that depend on no
// other the first value, of the others the default). `input` and `outputs` are for data
// sets whose shape does not follow from their name: "3x32x32" or "784"; empty and 0
// otherwise. kInvalidArgument: what is missing, or cannot be built.
absl::StatusOr<NetworkView> ViewNetwork(const v1::StudySpec& complete, absl::string_view input,
                                        int64_t outputs);

void WriteNetwork(const NetworkView& network, Format format, std::ostream& out);

}  // namespace tpsweep::client
