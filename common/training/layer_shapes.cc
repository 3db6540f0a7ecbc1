#include "common/training/layer_shapes.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep {
namespace {

// Positions of a window of `size` on `length` pixels with `padding` on both sides.
int64_t Positions(int64_t length, int64_t size, int64_t stride, int64_t padding) {
  const int64_t room = length + 2 * padding - size;
  return room < 0 ? 0 : room / stride + 1;
}

absl::StatusOr<ConvGeometry> MakeConv(const v1::Conv& spec, const MapShape& input,
                                      const std::string& path) {
  ConvGeometry conv;
  conv.input = input;
  conv.kernel = spec.kernel();
  conv.stride = spec.stride();
  conv.padding = spec.padding();
  conv.map = {spec.channels(), Positions(input.height, conv.kernel, conv.stride, conv.padding),
              Positions(input.width, conv.kernel, conv.stride, conv.padding)};
  if (conv.map.size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ".kernel: ", conv.kernel, " is larger than its input of ", ToText(input),
                     " with padding ", conv.padding, ": the output would be empty"));
  }
  conv.pooled = conv.map;
  if (spec.pool() == 1) return conv;
  conv.pool = spec.pool();
  conv.pool_stride = spec.pool_stride();
  conv.pool_padding = spec.pool_padding();
  if (conv.pool_padding > conv.pool / 2) {
    return absl::InvalidArgumentError(absl::StrCat(path, ".pool_padding: ", conv.pool_padding,
                                                   " is more than half of the pool ", conv.pool,
                                                   "; legal: 0 to ", conv.pool / 2));
  }
  conv.pooled.height = Positions(conv.map.height, conv.pool, conv.pool_stride, conv.pool_padding);
  conv.pooled.width = Positions(conv.map.width, conv.pool, conv.pool_stride, conv.pool_padding);
  if (conv.pooled.size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ".pool: ", conv.pool,
                                                   " is larger than its maps of ", ToText(conv.map),
                                                   ": the output would be empty"));
  }
  return conv;
}

}  // namespace

std::string ToText(const MapShape& shape) {
  if (shape.height == 1 && shape.width == 1) return absl::StrCat(shape.channels);
  return absl::StrCat(shape.channels, "x", shape.height, "x", shape.width);
}

int NumLayers(const v1::Network& network) {
  return network.hidden_size() + network.layers_size() + 1;
}

absl::StatusOr<std::vector<LayerShape>> InferShapes(const v1::Network& network,
                                                    const MapShape& input, int64_t num_outputs) {
  std::vector<LayerShape> shapes = {{input, std::nullopt}};
  bool is_flat = false;
  for (int i = 0; i < network.layers_size(); ++i) {
    const v1::Layer& layer = network.layers(i);
    if (layer.has_dense()) {
      shapes.push_back({{layer.dense().units(), 1, 1}, std::nullopt});
      is_flat = true;
      continue;
    }
    const std::string path = absl::StrCat("network.layers[", i, "].conv");
    if (is_flat) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": stands above a dense layer, which has no maps"));
    }
    TP_ASSIGN_OR_RETURN(ConvGeometry conv, MakeConv(layer.conv(), shapes.back().output, path));
    const MapShape pooled = conv.pooled;
    shapes.push_back({pooled, std::move(conv)});
  }
  for (const int32_t units : network.hidden()) shapes.push_back({{units, 1, 1}, std::nullopt});
  shapes.push_back({{num_outputs, 1, 1}, std::nullopt});
  return shapes;
}

std::vector<LayerShape> DenseShapes(absl::Span<const int64_t> widths) {
  std::vector<LayerShape> shapes;
  for (const int64_t width : widths) shapes.push_back({{width, 1, 1}, std::nullopt});
  return shapes;
}

int64_t NumWeights(const LayerShape& below, const LayerShape& layer) {
  if (layer.conv) return layer.conv->map.channels * layer.conv->patch_size();
  return below.size() * layer.size();
}

int64_t NumBiases(const LayerShape& layer) {
  return layer.conv ? layer.conv->map.channels : layer.size();
}

}  // namespace tpsweep
