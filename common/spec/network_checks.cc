// Whether the network can be built, and held in memory (see training_checks.h).
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/feedback_weights.h"
#include "common/training/known_data.h"
#include "common/training/layer_shapes.h"

namespace tpsweep::spec {
namespace {

constexpr double kMostWeights = 2147483647;  // 2^31 - 1

void CheckActivations(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const v1::Network& network = spec.network();
  const std::string output_path = JoinPath(path, "network.output_activation");
  std::vector<std::pair<std::string, v1::Activation>> activations = {
      {JoinPath(path, "network.activation"), network.activation()},
      {output_path, network.output_activation()}};
  for (int i = 0; i < network.layers_size(); ++i) {
    activations.emplace_back(
        JoinPath(path, absl::StrCat("network.layers[", i, "].dense.activation")),
        network.layers(i).dense().activation());
  }
  for (const auto& [at, activation] : activations) {
    if (activation == v1::ACTIVATION_INVERSE_LEAKY_RELU || activation == v1::ACTIVATION_LOGIT) {
      problems.Add(at, EnumText(activation),
                   " is for feedback paths only; legal: linear, tanh, relu, leaky_relu, sigmoid");
    }
  }
  if (spec.loss() == v1::LOSS_CROSS_ENTROPY &&
      network.output_activation() != v1::ACTIVATION_LINEAR) {
    problems.Add(output_path, EnumText(network.output_activation()),
                 " does not go with the loss cross_entropy, which needs linear (set loss: mse or "
                 "half_squares for other output activations)");
  }
}

// The shapes of the layers 0..L. Of a data set that is not known here the shape is
// taken as larger than any image: what cannot be built on it cannot be built at all.
absl::StatusOr<std::vector<LayerShape>> Shapes(const v1::TrainingSpec& spec) {
  constexpr DataShape kLargest = {{1, 1 << 20, 1 << 20}, 1};
  const DataShape data = KnownShape(spec.dataset()).value_or(kLargest);
  return InferShapes(spec.network(), data.input, data.num_outputs);
}

// Widths that the layers have at least, where the data set's shape is not known: a
// map has one pixel or more.
std::vector<int64_t> SmallestWidths(const v1::Network& network) {
  std::vector<int64_t> widths = {1};
  for (const v1::Layer& layer : network.layers()) {
    widths.push_back(layer.has_conv() ? layer.conv().channels() : layer.dense().units());
  }
  widths.insert(widths.end(), network.hidden().begin(), network.hidden().end());
  widths.push_back(1);
  return widths;
}

void CheckForwardWeights(const v1::TrainingSpec& spec, const std::vector<LayerShape>& shapes,
                         const std::string& path, Problems& problems) {
  const bool is_known = KnownShape(spec.dataset()).has_value();
  const std::vector<int64_t> smallest = SmallestWidths(spec.network());
  double weights = 0;
  for (size_t l = 1; l < shapes.size(); ++l) {
    weights += shapes[l].conv || is_known
                   ? static_cast<double>(NumWeights(shapes[l]))
                   : static_cast<double>(smallest[l - 1]) * static_cast<double>(smallest[l]);
  }
  if (weights <= kMostWeights) return;
  problems.Add(JoinPath(path, HiddenLayersField(spec.network())), "makes ", NumberText(weights),
               " weights", is_known ? "" : " or more", "; at most ", NumberText(kMostWeights),
               " are legal");
}

void CheckFeedbackWeights(const v1::TrainingSpec& spec, const std::vector<LayerShape>& shapes,
                          const std::string& path, Problems& problems) {
  std::vector<int64_t> widths;
  if (KnownShape(spec.dataset())) {
    for (const LayerShape& shape : shapes) widths.push_back(shape.size());
  } else {
    widths = SmallestWidths(spec.network());
  }
  const std::vector<double> paths = FeedbackWeights(spec, widths);
  double weights = 0;
  size_t widest = 0;
  for (size_t i = 0; i < paths.size(); ++i) {
    weights += paths[i];
    if (paths[i] > paths[widest]) widest = i;
  }
  if (weights <= kMostWeights) return;
  problems.Add(JoinPath(path, "rule"), "the feedback paths have ", NumberText(weights),
               " weights, ", NumberText(paths[widest]), " of them in the path to layer ",
               widest + 1, " (of ", widths[widest + 1], " units); at most ",
               NumberText(kMostWeights), " are legal");
}

}  // namespace

void CheckNetwork(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  CheckActivations(spec, path, problems);
  const v1::Network& network = spec.network();
  if (!network.hidden().empty() && !network.layers().empty()) {
    problems.Add(JoinPath(path, "network.layers"),
                 "is set beside network.hidden, which is short for it; legal: one of the two");
    return;
  }
  const auto shapes = Shapes(spec);
  if (!shapes.ok()) return AddStatus(shapes.status(), path, problems);
  CheckForwardWeights(spec, *shapes, path, problems);
  CheckFeedbackWeights(spec, *shapes, path, problems);
}

}  // namespace tpsweep::spec
