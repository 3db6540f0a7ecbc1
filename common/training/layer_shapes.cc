#include "common/training/layer_shapes.h"

#include <algorithm>
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

LayerShape DenseShape(const LayerShape& below, int64_t units) {
  return {{units, 1, 1}, std::nullopt, below.size()};
}

// Square matrices: each layer reads as many units as it has.
absl::Status MakeSquare(const v1::Network& network, std::vector<LayerShape>& shapes) {
  for (size_t l = 1; l < shapes.size(); ++l) {
    const int64_t below = shapes[l - 1].size();
    if (shapes[l].conv) {
      return absl::InvalidArgumentError(
          absl::StrCat("network.layers[", l - 1,
                       "].conv: does not go with network.square, which is for dense layers"));
    }
    if (shapes[l].size() > below) {
      const bool is_output = l + 1 == shapes.size();
      return absl::InvalidArgumentError(absl::StrCat(
          is_output ? std::string("network.square")
                    : absl::StrCat(network.layers().empty() ? "network.hidden[" : "network.layers[",
                                   l - 1, "]"),
          ": ", is_output ? "the output layer" : absl::StrCat("layer ", l), " has ",
          shapes[l].size(), " units, more than the ", below,
          " below it; in a square network widths must not increase"));
    }
    shapes[l].inputs = shapes[l].size();
  }
  return absl::OkStatus();
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
  std::vector<LayerShape> shapes = {{input, std::nullopt, 0}};
  bool is_flat = false;
  for (int i = 0; i < network.layers_size(); ++i) {
    const v1::Layer& layer = network.layers(i);
    if (layer.has_dense()) {
      shapes.push_back(DenseShape(shapes.back(), layer.dense().units()));
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
    shapes.push_back({pooled, std::move(conv), 0});
  }
  for (const int32_t units : network.hidden()) shapes.push_back(DenseShape(shapes.back(), units));
  if (network.output_units() != 0 && network.output_units() < num_outputs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "network.output_units: ", network.output_units(), " is less than the ", num_outputs,
        " classes or targets of the data set; legal: 0, or that or more"));
  }
  shapes.push_back(
      DenseShape(shapes.back(), std::max<int64_t>(num_outputs, network.output_units())));
  if (network.square()) TP_RETURN_IF_ERROR(MakeSquare(network, shapes));
  return shapes;
}

std::vector<LayerShape> DenseShapes(absl::Span<const int64_t> widths) {
  std::vector<LayerShape> shapes = {{{widths[0], 1, 1}, std::nullopt, 0}};
  for (const int64_t width : widths.subspan(1)) {
    shapes.push_back(DenseShape(shapes.back(), width));
  }
  return shapes;
}

int64_t NumWeights(const LayerShape& layer) {
  if (layer.conv) return layer.conv->map.channels * layer.conv->patch_size();
  return layer.inputs * layer.size();
}

int64_t NumBiases(const LayerShape& layer) {
  return layer.conv ? layer.conv->map.channels : layer.size();
}

}  // namespace tpsweep
