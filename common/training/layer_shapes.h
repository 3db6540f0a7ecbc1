// The shapes of a network's layers, from its spec and the shape of an input: asked
// by the door, which must refuse what cannot be built, and by the trainer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// Maps of pixels; a vector of n units is {n, 1, 1}. Flattened channel by channel,
// row by row: the unit (c, y, x) has index (c * height + y) * width + x.
struct MapShape {
  int64_t channels = 1, height = 1, width = 1;

  int64_t size() const { return channels * height * width; }
  friend bool operator==(const MapShape&, const MapShape&) = default;
};

// "64x8x8", or "512" for a vector.
std::string ToText(const MapShape& shape);

// Convolution and max-pool of one layer.
struct ConvGeometry {
  MapShape input;   // h of the layer below
  MapShape map;     // after the convolution
  MapShape pooled;  // after the max-pool: the shape of a[l] and h[l]
  int64_t kernel = 1, stride = 1, padding = 0;
  int64_t pool = 1, pool_stride = 1, pool_padding = 0;  // pool 1: none

  // Inputs of one unit of the map: channels x kernel x kernel.
  int64_t patch_size() const { return input.channels * kernel * kernel; }
};

// Layer l of the network.
struct LayerShape {
  MapShape output;                   // of h[l]
  std::optional<ConvGeometry> conv;  // not set: dense
  // Dense: units of h[l-1] that it reads, the first ones. All, but in square networks.
  int64_t inputs = 0;

  int64_t size() const { return output.size(); }  // n_l
};

// Layers 1..L of `network`: its hidden layers and the output.
int NumLayers(const v1::Network& network);

// Shapes of the layers 0 (the input) to L. `network` is complete. kInvalidArgument
// names the field (layers[1].conv.pool) whose layer cannot be made: no output, a
// window that is larger than its input, a conv layer above a dense one, a square
// network whose widths increase.
absl::StatusOr<std::vector<LayerShape>> InferShapes(const v1::Network& network,
                                                    const MapShape& input, int64_t num_outputs);

// A network of dense layers, from the widths n_0..n_L.
std::vector<LayerShape> DenseShapes(absl::Span<const int64_t> widths);

// Entries of W[l], l >= 1.
int64_t NumWeights(const LayerShape& layer);
// Entries of b[l], if the layer has one.
int64_t NumBiases(const LayerShape& layer);

}  // namespace tpsweep
