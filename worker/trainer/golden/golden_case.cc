#include "worker/trainer/golden/golden_case.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/trainer/golden/case_rule.h"
#include "worker/trainer/golden/case_tensors.h"
#include "worker/trainer/golden/description.h"
#include "worker/trainer/golden/inversion_case.h"

namespace tpsweep::trainer {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxWidth = 1000000;
constexpr int kMaxWindow = 1000;  // of kernels and pools

// A width, or the [C, H, W] of maps.
absl::StatusOr<MapShape> ReadSize(const Json& size) {
  std::vector<int64_t> extents;
  for (const Json& extent : size.is_array() ? size : Json::array({size})) {
    if (!extent.is_number_integer() || extent < 1 || extent > kMaxWidth) {
      return Malformed("sizes", absl::StrCat("a list of widths from 1 to ", kMaxWidth));
    }
    extents.push_back(extent.get<int64_t>());
  }
  if (extents.size() == 1) return MapShape{extents[0], 1, 1};
  if (extents.size() != 3) return Malformed("sizes", "a list of widths and of maps [C, H, W]");
  const MapShape shape{extents[0], extents[1], extents[2]};
  if (shape.size() > kMaxWidth) {
    return Malformed("sizes", absl::StrCat("a list of maps of at most ", kMaxWidth, " units"));
  }
  return shape;
}

// The one kind of convolution of a case, without its channels.
absl::StatusOr<v1::Conv> ReadConv(const Description& description) {
  const Json* json = description.Find("conv");
  if (json == nullptr || !json->is_object()) return Malformed("conv", "an object");
  const Description conv(*json);
  v1::Conv result;
  const struct {
    const char* key;
    int least;
    void (v1::Conv::*set)(int32_t);
  } kFields[] = {{"kernel", 1, &v1::Conv::set_kernel},
                 {"stride", 1, &v1::Conv::set_stride},
                 {"padding", 0, &v1::Conv::set_padding},
                 {"pool_kernel", 1, &v1::Conv::set_pool},
                 {"pool_stride", 1, &v1::Conv::set_pool_stride},
                 {"pool_padding", 0, &v1::Conv::set_pool_padding}};
  for (const auto& field : kFields) {
    TP_ASSIGN_OR_RETURN(const int value, conv.Count(field.key, -1));
    if (value < field.least || value > kMaxWindow) {
      return Malformed(absl::StrCat("conv.", field.key),
                       absl::StrCat("a whole number from ", field.least, " to ", kMaxWindow));
    }
    (result.*field.set)(value);
  }
  // Wider padding would make maps of nothing, larger than the file.
  if (result.padding() > result.kernel()) return Malformed("conv.padding", "at most the kernel");
  return result;
}

// Square and tower networks are one: the widths tell them apart.
absl::StatusOr<bool> HasSquareLayers(const Description& description) {
  TP_ASSIGN_OR_RETURN(const std::string topology, description.Text("topology", ""));
  if (topology.empty() || topology == "square" || topology == "tower") return !topology.empty();
  return absl::UnimplementedError(absl::StrCat(
      "topology '", topology, "' is not supported by replay; supported: square, tower"));
}

// Of the layers 0 to L. Hidden layers that are lists are convolutional.
absl::StatusOr<std::vector<LayerShape>> ReadShapes(const Description& description) {
  const Json* sizes = description.Find("sizes");
  if (sizes == nullptr || !sizes->is_array() || sizes->size() < 2 || sizes->size() > 1000) {
    return Malformed("sizes", "a list of the widths n_0..n_L");
  }
  std::vector<MapShape> outputs;
  v1::Network network;
  for (size_t l = 0; l < sizes->size(); ++l) {
    const Json& size = (*sizes)[l];
    TP_ASSIGN_OR_RETURN(outputs.emplace_back(), ReadSize(size));
    if (l == 0 || l + 1 == sizes->size()) continue;
    v1::Layer& layer = *network.add_layers();
    if (size.is_array()) {
      TP_ASSIGN_OR_RETURN(*layer.mutable_conv(), ReadConv(description));
      layer.mutable_conv()->set_channels(static_cast<int32_t>(outputs.back().channels));
    } else {
      layer.mutable_dense()->set_units(static_cast<int32_t>(outputs.back().size()));
    }
  }
  TP_ASSIGN_OR_RETURN(const bool is_square, HasSquareLayers(description));
  network.set_square(is_square);
  TP_ASSIGN_OR_RETURN(std::vector<LayerShape> shapes,
                      InferShapes(network, outputs.front(), outputs.back().size()));
  for (size_t l = 1; l < shapes.size(); ++l) {
    if (shapes[l].output == outputs[l] || !shapes[l].conv) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("case description: 'sizes' has layer ", l, " as ", ToText(outputs[l]),
                     ", but 'conv' makes it ", ToText(shapes[l].output)));
  }
  return shapes;
}

absl::Status ReadNetwork(const Description& description, v1::Network& network) {
  TP_ASSIGN_OR_RETURN(const v1::Activation hidden_kind,
                      description.Activation("hidden_activation", "linear"));
  TP_ASSIGN_OR_RETURN(const v1::Activation output_kind,
                      description.Activation("output_activation", "linear"));
  TP_ASSIGN_OR_RETURN(const double slope, description.Number("leakyrelu_slope", 0.2));
  TP_ASSIGN_OR_RETURN(const bool bias, description.Flag("bias", true));
  if (!(slope > 0)) return Malformed("leakyrelu_slope", "positive");
  network.set_activation(hidden_kind);
  network.set_output_activation(output_kind);
  network.set_leaky_slope(slope);
  network.set_bias(bias);
  network.set_initialiser(v1::INITIALISER_XAVIER_NORMAL);  // all is read from the file anyway
  return absl::OkStatus();
}

absl::Status ReadLoss(const Description& description, v1::TrainingSpec& spec) {
  TP_ASSIGN_OR_RETURN(const std::string loss, description.Text("loss", ""));
  if (loss == "cross_entropy_on_logits_mean") {
    spec.set_loss(v1::LOSS_CROSS_ENTROPY);
  } else if (loss == "mse_mean_over_batch_and_outputs") {
    spec.set_loss(v1::LOSS_MSE);
  } else if (absl::StartsWith(loss, "half squared error") || loss == "0.5*||y*-y||^2, online") {
    spec.set_loss(v1::LOSS_HALF_SQUARES);
  } else {
    return absl::UnimplementedError(absl::StrCat(
        "loss '", loss,
        "' is not supported by replay; supported: cross_entropy_on_logits_mean, "
        "mse_mean_over_batch_and_outputs, half squared error, 0.5*||y*-y||^2, online"));
  }
  return absl::OkStatus();
}

// The scripts of [DI] name no optimiser: plain steps.
std::string DefaultOptimiser(const Description& description) {
  return IsInversionCase(description) ? "SGD" : "Adam";
}

// `prefix` is "" or "_fb"; `first` and `last` are the layers that have such parameters.
absl::Status ReadOptimiser(const Description& description, const char* name_key,
                           const std::string& suffix, int num_layers, int first, int last,
                           v1::Optimiser& optimiser) {
  TP_ASSIGN_OR_RETURN(const std::string name,
                      description.Text(name_key, DefaultOptimiser(description)));
  // A list for the layers first..last is spread over the layers of the network.
  const auto spread = [&](const std::vector<double>& list) {
    if (static_cast<int>(list.size()) != last - first + 1 || list.size() == 1) return list;
    std::vector<double> of_layers(static_cast<size_t>(num_layers), 0.0);
    std::copy(list.begin(), list.end(), of_layers.begin() + (first - 1));
    return of_layers;
  };
  TP_ASSIGN_OR_RETURN(const auto lr, description.Numbers(absl::StrCat("lr", suffix).c_str(), 0));
  for (const double value : spread(lr)) optimiser.add_lr(value);
  TP_ASSIGN_OR_RETURN(const double weight_decay,
                      description.Number(absl::StrCat("wd", suffix).c_str(), 0));
  optimiser.set_weight_decay(weight_decay);
  if (absl::EqualsIgnoreCase(name, "adam")) {
    v1::Adam& adam = *optimiser.mutable_adam();
    TP_ASSIGN_OR_RETURN(const double beta1,
                        description.Number(absl::StrCat("beta1", suffix).c_str(), 0.9));
    TP_ASSIGN_OR_RETURN(const double beta2,
                        description.Number(absl::StrCat("beta2", suffix).c_str(), 0.999));
    TP_ASSIGN_OR_RETURN(const auto epsilon,
                        description.Numbers(absl::StrCat("eps", suffix).c_str(), 1e-8));
    TP_ASSIGN_OR_RETURN(const std::string variant, description.Text("adam", ""));
    adam.set_beta1(beta1);
    adam.set_bias_correction(!absl::StartsWith(variant, "no bias correction"));
    adam.set_beta2(beta2);
    for (const double value : spread(epsilon)) adam.add_epsilon(value);
  } else if (absl::EqualsIgnoreCase(name, "sgd")) {
    TP_ASSIGN_OR_RETURN(const double momentum,
                        description.Number(absl::StrCat("momentum", suffix).c_str(), 0));
    optimiser.mutable_sgd()->set_momentum(momentum);
  } else {
    return absl::UnimplementedError(
        absl::StrCat(name_key, " '", name, "' is not supported by replay; supported: Adam, SGD"));
  }
  return absl::OkStatus();
}

// How many of the outputs have targets, the regulariser, and tolerances of layers.
absl::Status ReadGaitFields(const Description& description, GoldenCase& result) {
  const Index num_outputs = result.sizes.back();
  TP_ASSIGN_OR_RETURN(const int classes,
                      description.Count("classes", static_cast<int>(num_outputs)));
  if (classes < 1 || classes > num_outputs) {
    return Malformed("classes", absl::StrCat("a whole number from 1 to ", num_outputs));
  }
  result.num_targets = classes;
  TP_ASSIGN_OR_RETURN(const double strength, description.Number("lambda_orth", 0));
  if (!(strength >= 0)) return Malformed("lambda_orth", "0 or more");
  result.spec.set_orthogonality(strength);
  if (description.Find("recommended_rtol_per_layer") == nullptr) return absl::OkStatus();
  TP_ASSIGN_OR_RETURN(result.layer_tolerance, description.Numbers("recommended_rtol_per_layer", 0));
  if (result.layer_tolerance.size() + 1 == result.sizes.size()) return absl::OkStatus();
  return Malformed("recommended_rtol_per_layer", "a list with one number for each layer");
}

// The freezing flags of the authors' code, as the set of layers that train.
absl::Status ReadFreezing(const Description& description, int num_layers, GoldenCase& result) {
  std::vector<int>& trained = result.trained_layers;
  bool is_some_frozen = false;
  const struct {
    const char* key;
    int first, last;
  } kFlags[] = {
      {"only_train_first_layer", 1, 1},
      {"freeze_output_layer", 1, num_layers - 1},
      {"only_train_last_two_layers", num_layers - 1, num_layers},
      {"only_train_last_three_layers", num_layers - 2, num_layers},
      {"only_train_last_four_layers", num_layers - 3, num_layers},
      {"shallow_training", num_layers, num_layers},
  };
  for (const auto& flag : kFlags) {
    TP_ASSIGN_OR_RETURN(const bool is_set, description.Flag(flag.key, false));
    if (!is_set) continue;
    is_some_frozen = true;
    trained.clear();
    for (int l = std::max(1, flag.first); l <= flag.last; ++l) trained.push_back(l);
  }
  TP_ASSIGN_OR_RETURN(const bool forward, description.Flag("freeze_forward_weights", false));
  TP_ASSIGN_OR_RETURN(const bool feedback, description.Flag("freeze_feedback", false));
  TP_ASSIGN_OR_RETURN(const bool feedback_weights, description.Flag("freeze_fb_weights", false));
  result.forward_frozen = forward || (is_some_frozen && trained.empty());
  result.feedback_frozen = feedback || feedback_weights || result.spec.has_dfa();
  return absl::OkStatus();
}

absl::Status ReadMetricDamping(const Description& description, int num_layers,
                               std::vector<double>& damping) {
  TP_ASSIGN_OR_RETURN(damping, description.Numbers("gn_damping_metric", 0));
  const int entries = static_cast<int>(damping.size());
  if ((entries == 1 || entries == num_layers - 1) &&
      std::all_of(damping.begin(), damping.end(), [](double value) { return value >= 0; })) {
    return absl::OkStatus();
  }
  return Malformed("gn_damping_metric", "a number of 0 or more, or one for each hidden layer");
}

// The widths are believed only if the file holds weights of these shapes: so what
// is allocated for them is not much more than the file.
absl::Status CheckWeights(const SafetensorsFile& file, const GoldenCase& golden_case) {
  for (size_t l = 1; l < golden_case.shapes.size(); ++l) {
    const LayerShape& layer = golden_case.shapes[l];
    const std::vector<int64_t> shape =
        layer.conv ? KernelShape(*layer.conv) : std::vector<int64_t>{layer.size(), layer.inputs};
    TP_RETURN_IF_ERROR(WithShape(file, absl::StrCat("init/W", l), shape).status());
  }
  return CheckFeedbackWeights(file, golden_case);
}

}  // namespace

absl::StatusOr<GoldenCase> ReadGoldenCase(const SafetensorsFile& file) {
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || format->second != "golden-tp-1") {
    return absl::InvalidArgumentError(
        "not a golden case: the metadata has no 'format' of 'golden-tp-1'");
  }
  const auto text = file.metadata.find("case");
  if (text == file.metadata.end()) {
    return absl::InvalidArgumentError("the metadata has no 'case'");
  }
  const Json json = Json::parse(text->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("'case' is not a JSON object");
  const Description description(json);

  GoldenCase result;
  const auto name = file.metadata.find("name");
  result.name = name == file.metadata.end() ? "" : name->second;
  TP_RETURN_IF_ERROR(ReadRule(description, result));
  TP_ASSIGN_OR_RETURN(result.shapes, ReadShapes(description));
  for (const LayerShape& shape : result.shapes) result.sizes.push_back(shape.size());
  TP_RETURN_IF_ERROR(ReadLoss(description, result.spec));
  TP_RETURN_IF_ERROR(ReadNetwork(description, *result.spec.mutable_network()));
  TP_RETURN_IF_ERROR(CheckWeights(file, result));
  const int num_layers = static_cast<int>(result.sizes.size()) - 1;
  const LayerRange feedback_layers = FeedbackLayers(result.spec, num_layers);
  TP_RETURN_IF_ERROR(ReadOptimiser(description, "optimiser_forward", "", num_layers, 1, num_layers,
                                   *result.spec.mutable_forward()));
  TP_RETURN_IF_ERROR(ReadOptimiser(description, "optimiser_feedback", "_fb", num_layers,
                                   feedback_layers.first, feedback_layers.last,
                                   *result.spec.mutable_feedback()));
  TP_RETURN_IF_ERROR(ReadFreezing(description, num_layers, result));
  TP_RETURN_IF_ERROR(ReadGaitFields(description, result));
  TP_RETURN_IF_ERROR(ReadMetricDamping(description, num_layers, result.metric_damping));
  for (int l = 1; l <= num_layers; ++l) {
    if (!file.tensors.contains(absl::StrCat("init/b", l))) result.layers_without_bias.push_back(l);
  }
  TP_ASSIGN_OR_RETURN(result.num_steps, description.Count("steps", 0));
  TP_ASSIGN_OR_RETURN(result.num_feedback_steps, description.Count("pre_feedback_steps", 0));
  TP_ASSIGN_OR_RETURN(result.relative_tolerance, description.Number("recommended_rtol", 1e-9));
  TP_ASSIGN_OR_RETURN(result.angle_tolerance_degrees,
                      description.Number("recommended_angle_atol_degrees", 1e-5));
  if (!result.feedback_frozen && DividesBySigma(result.spec)) {
    TP_ASSIGN_OR_RETURN(const double sigma, description.Number("sigma", 0));
    if (!(sigma > 0)) return Malformed("sigma", "positive");
  }
  return result;
}

}  // namespace tpsweep::trainer
