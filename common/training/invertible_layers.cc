#include "common/training/invertible_layers.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tpsweep {
namespace {

// What stands in the way of the inverses.
struct Obstacle {
  std::string field;
  std::string what;
  std::string remedy;
};

std::optional<Obstacle> FindShape(const v1::Network& network, absl::Span<const LayerShape> shapes) {
  const std::string field = network.layers().empty() ? "network.hidden" : "network.layers";
  for (size_t l = 2; l < shapes.size(); ++l) {
    if (HasSquareMatrix(shapes[l])) continue;
    if (shapes[l].conv) {
      return Obstacle{absl::StrCat("network.layers[", l - 1, "]"),
                      absl::StrCat("layer ", l, " is convolutional"),
                      "all layers from 2 on must be dense"};
    }
    return Obstacle{
        field,
        absl::StrCat(static_cast<int>(l) == NumLayers(network) ? "the output layer " : "layer ", l,
                     " has a matrix of ", shapes[l].size(), " x ", shapes[l].inputs),
        "matrices from layer 2 on must be square: set network.square: true, with widths that do "
        "not increase, or give all layers one width, the output layer by network.output_units"};
  }
  return std::nullopt;
}

std::optional<Obstacle> FindActivation(const v1::Network& network) {
  std::vector<std::pair<std::string, v1::Activation>> activations = {
      {"network.activation", network.activation()},
      {"network.output_activation", network.output_activation()}};
  for (int i = 0; i < network.layers_size(); ++i) {
    activations.emplace_back(absl::StrCat("network.layers[", i, "].dense.activation"),
                             network.layers(i).dense().activation());
  }
  for (const auto& [field, activation] : activations) {
    if (HasInverse(activation) || activation == v1::ACTIVATION_UNSPECIFIED) continue;
    const absl::string_view name =
        absl::StripPrefix(v1::Activation_Name(activation), "ACTIVATION_");
    return Obstacle{field,
                    absl::StrCat(absl::AsciiStrToLower(name), " has no inverse on all numbers"),
                    "legal: linear, leaky_relu"};
  }
  return std::nullopt;
}

}  // namespace

bool HasSquareMatrix(const LayerShape& layer) {
  return !layer.conv && layer.inputs == layer.size();
}

bool HasInverse(v1::Activation activation) {
  return activation == v1::ACTIVATION_LINEAR || activation == v1::ACTIVATION_LEAKY_RELU;
}

absl::Status CheckInvertibleLayers(const v1::TrainingSpec& spec,
                                   absl::Span<const LayerShape> shapes) {
  const char* rule = spec.has_tp()     ? "tp"
                     : spec.has_itp()  ? "itp"
                     : spec.has_gait() ? "gait"
                                       : nullptr;
  int quantity = 0;
  const v1::Measure& measure = spec.measure();
  while (quantity < measure.quantities_size() &&
         measure.quantities(quantity) != v1::QUANTITY_INVERSE_ERROR) {
    ++quantity;
  }
  const bool is_measured = measure.every() > 0 && quantity < measure.quantities_size();
  if ((rule == nullptr && !is_measured) || shapes.size() <= 2) return absl::OkStatus();
  std::optional<Obstacle> obstacle = FindShape(spec.network(), shapes);
  if (!obstacle) obstacle = FindActivation(spec.network());
  if (!obstacle) return absl::OkStatus();
  if (rule != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(obstacle->field, ": ", obstacle->what,
                                                   ", and the rule ", rule, " inverts the layers; ",
                                                   obstacle->remedy));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("measure.quantities[", quantity, "]: inverse_error inverts the layers, but ",
                   obstacle->what, " (", obstacle->field, "); ", obstacle->remedy));
}

}  // namespace tpsweep
