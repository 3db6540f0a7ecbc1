#include "worker/trainer/golden/golden_case.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "worker/trainer/learning_rule.h"

namespace tpsweep::trainer {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxWidth = 1000000;
constexpr int kMaxSteps = 1000000;
constexpr int kMaxWindow = 1000;  // of kernels and pools

absl::Status Malformed(absl::string_view key, absl::string_view legal) {
  return absl::InvalidArgumentError(absl::StrCat("case description: '", key, "' is not ", legal));
}

// The description of a case: absent and null are the same.
class Description {
 public:
  explicit Description(const Json& json) : json_(json) {}

  // Null if there is none, at the top or in `hyper`.
  const Json* Find(const char* key) const {
    for (const Json* place : {&json_, Hyper()}) {
      if (place == nullptr) continue;
      const auto it = place->find(key);
      if (it != place->end() && !it->is_null()) return &*it;
    }
    return nullptr;
  }

  absl::StatusOr<double> Number(const char* key, double otherwise) const {
    const Json* value = Find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) return Malformed(key, "a number");
    return value->get<double>();
  }

  absl::StatusOr<int> Count(const char* key, int otherwise) const {
    const Json* value = Find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number_integer() || *value < 0 || *value > kMaxSteps) {
      return Malformed(key, absl::StrCat("a whole number from 0 to ", kMaxSteps));
    }
    return value->get<int>();
  }

  absl::StatusOr<bool> Flag(const char* key, bool otherwise) const {
    const Json* value = Find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) return Malformed(key, "true or false");
    return value->get<bool>();
  }

  absl::StatusOr<std::string> Text(const char* key, const char* otherwise) const {
    const Json* value = Find(key);
    if (value == nullptr) return std::string(otherwise);
    if (!value->is_string()) return Malformed(key, "a string");
    return value->get<std::string>();
  }

  // One number, or a list of them.
  absl::StatusOr<std::vector<double>> Numbers(const char* key, double otherwise) const {
    const Json* value = Find(key);
    if (value == nullptr) return std::vector<double>{otherwise};
    if (value->is_number()) return std::vector<double>{value->get<double>()};
    std::vector<double> numbers;
    if (!value->is_array() || value->empty())
      return Malformed(key, "a number or a list of numbers");
    for (const Json& element : *value) {
      if (!element.is_number()) return Malformed(key, "a number or a list of numbers");
      numbers.push_back(element.get<double>());
    }
    return numbers;
  }

 private:
  const Json* Hyper() const {
    const auto it = json_.find("hyper");
    return it != json_.end() && it->is_object() ? &*it : nullptr;
  }

  const Json& json_;
};

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

absl::StatusOr<v1::Activation> ParseActivation(const char* key, const std::string& name) {
  const std::string plain = absl::AsciiStrToLower(name);
  if (plain == "linear") return v1::ACTIVATION_LINEAR;
  if (plain == "tanh") return v1::ACTIVATION_TANH;
  if (plain == "relu") return v1::ACTIVATION_RELU;
  if (plain == "leakyrelu" || plain == "leaky_relu") return v1::ACTIVATION_LEAKY_RELU;
  if (plain == "sigmoid") return v1::ACTIVATION_SIGMOID;
  return absl::UnimplementedError(absl::StrCat(
      key, " '", name,
      "' is not supported by replay; supported: linear, tanh, relu, leakyrelu, sigmoid"));
}

absl::Status ReadNetwork(const Description& description, v1::Network& network) {
  TP_ASSIGN_OR_RETURN(const std::string hidden, description.Text("hidden_activation", "linear"));
  TP_ASSIGN_OR_RETURN(const v1::Activation hidden_kind,
                      ParseActivation("hidden_activation", hidden));
  TP_ASSIGN_OR_RETURN(const std::string output, description.Text("output_activation", "linear"));
  TP_ASSIGN_OR_RETURN(const v1::Activation output_kind,
                      ParseActivation("output_activation", output));
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
  } else {
    return absl::UnimplementedError(
        absl::StrCat("loss '", loss,
                     "' is not supported by replay; supported: cross_entropy_on_logits_mean, "
                     "mse_mean_over_batch_and_outputs"));
  }
  return absl::OkStatus();
}

// The chain of layerwise feedback takes the inverses of leaky relu and sigmoid
// under the names of these.
v1::Activation InverseForFeedback(v1::Activation kind) {
  if (kind == v1::ACTIVATION_LEAKY_RELU) return v1::ACTIVATION_INVERSE_LEAKY_RELU;
  if (kind == v1::ACTIVATION_SIGMOID) return v1::ACTIVATION_LOGIT;
  return kind;
}

absl::Status ReadRule(const Description& description, GoldenCase& result) {
  TP_ASSIGN_OR_RETURN(const std::string rule, description.Text("rule", ""));
  TP_ASSIGN_OR_RETURN(const double eta, description.Number("eta", 1));
  TP_ASSIGN_OR_RETURN(const double sigma, description.Number("sigma", 0));
  TP_ASSIGN_OR_RETURN(const std::string feedback, description.Text("feedback_activation", ""));
  TP_ASSIGN_OR_RETURN(const bool divided, description.Flag("lr_is_divided_by_eta", false));
  if (divided && !(eta > 0)) return Malformed("eta", "positive");
  result.forward_lr_divisor = divided ? eta : 1;
  v1::TrainingSpec& spec = result.spec;
  if (rule == "bp") {
    spec.mutable_bp();
  } else if (rule == "dtp") {
    spec.mutable_dtp()->set_target_stepsize(eta);
    spec.mutable_dtp()->set_sigma(sigma);
    // The authors' code takes the activation of the hidden layers if none is given.
    TP_ASSIGN_OR_RETURN(const std::string hidden, description.Text("hidden_activation", "linear"));
    TP_ASSIGN_OR_RETURN(
        const v1::Activation kind,
        ParseActivation("feedback_activation", feedback.empty() ? hidden : feedback));
    spec.mutable_dtp()->set_feedback_activation(InverseForFeedback(kind));
  } else if (rule == "ddtp_linear") {
    if (!feedback.empty() && feedback != "linear") {
      return absl::UnimplementedError(
          absl::StrCat("feedback_activation '", feedback,
                       "' is not supported by replay for rule ddtp_linear; supported: linear"));
    }
    spec.mutable_ddtp_linear()->set_target_stepsize(eta);
    spec.mutable_ddtp_linear()->set_sigma(sigma);
  } else {
    const std::string supported = absl::StrJoin(
        Rules(), ", ",
        [](std::string* out, const RuleEntry& entry) { absl::StrAppend(out, entry.name); });
    return absl::UnimplementedError(
        absl::StrCat("rule '", rule, "' is not supported by replay; supported: ", supported));
  }
  return absl::OkStatus();
}

// `prefix` is "" or "_fb"; `first` and `last` are the layers that have such parameters.
absl::Status ReadOptimiser(const Description& description, const char* name_key,
                           const std::string& suffix, int num_layers, int first, int last,
                           v1::Optimiser& optimiser) {
  TP_ASSIGN_OR_RETURN(const std::string name, description.Text(name_key, "Adam"));
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
    adam.set_beta1(beta1);
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
  result.feedback_frozen = feedback || feedback_weights;
  return absl::OkStatus();
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::vector<int64_t> KernelShape(const ConvGeometry& conv) {
  return {conv.map.channels, conv.input.channels, conv.kernel, conv.kernel};
}

absl::StatusOr<const Tensor*> Float64(const SafetensorsFile& file, const std::string& name) {
  const auto it = file.tensors.find(name);
  if (it == file.tensors.end()) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is missing"));
  }
  if (it->second.type != TensorType::kFloat64) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is not of type F64"));
  }
  return &it->second;
}

absl::StatusOr<const Tensor*> WithShape(const SafetensorsFile& file, const std::string& name,
                                        const std::vector<int64_t>& expected) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor, Float64(file, name));
  if (tensor->shape == expected) return tensor;
  return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' has shape ",
                                                 ShapeText(tensor->shape), "; expected ",
                                                 ShapeText(expected)));
}

// The widths are believed only if the file holds weights of these shapes: so what
// is allocated for them is not much more than the file.
absl::Status CheckWeights(const SafetensorsFile& file, const GoldenCase& golden_case) {
  const std::vector<Index>& n = golden_case.sizes;
  for (size_t l = 1; l < n.size(); ++l) {
    const auto& conv = golden_case.shapes[l].conv;
    const std::vector<int64_t> shape =
        conv ? KernelShape(*conv) : std::vector<int64_t>{n[l], n[l - 1]};
    TP_RETURN_IF_ERROR(WithShape(file, absl::StrCat("init/W", l), shape).status());
    if (golden_case.spec.has_dtp() && l > 1) {
      TP_RETURN_IF_ERROR(WithShape(file, absl::StrCat("init/Q", l), {n[l - 1], n[l]}).status());
    }
    if (golden_case.spec.has_ddtp_linear() && l + 1 < n.size()) {
      TP_RETURN_IF_ERROR(WithShape(file, absl::StrCat("init/Q", l), {n[l], n.back()}).status());
    }
  }
  return absl::OkStatus();
}

Matrix<double> FromRowMajor(const Tensor& tensor, Index rows, Index cols) {
  Matrix<double> transposed(cols, rows);
  std::copy(tensor.data.begin(), tensor.data.end(), reinterpret_cast<char*>(transposed.data()));
  return transposed.transpose();
}

Tensor MakeTensor(std::vector<int64_t> shape, const double* data, size_t count) {
  Tensor tensor;
  tensor.type = TensorType::kFloat64;
  tensor.shape = std::move(shape);
  tensor.data.assign(reinterpret_cast<const char*>(data), count * sizeof(double));
  return tensor;
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
  const bool is_chain = result.spec.has_dtp();
  TP_RETURN_IF_ERROR(ReadOptimiser(description, "optimiser_forward", "", num_layers, 1, num_layers,
                                   *result.spec.mutable_forward()));
  TP_RETURN_IF_ERROR(ReadOptimiser(description, "optimiser_feedback", "_fb", num_layers,
                                   is_chain ? 2 : 1, is_chain ? num_layers : num_layers - 1,
                                   *result.spec.mutable_feedback()));
  TP_RETURN_IF_ERROR(ReadFreezing(description, num_layers, result));
  for (int l = 1; l <= num_layers; ++l) {
    if (!file.tensors.contains(absl::StrCat("init/b", l))) result.layers_without_bias.push_back(l);
  }
  TP_ASSIGN_OR_RETURN(result.num_steps, description.Count("steps", 0));
  TP_ASSIGN_OR_RETURN(result.num_feedback_steps, description.Count("pre_feedback_steps", 0));
  TP_ASSIGN_OR_RETURN(result.relative_tolerance, description.Number("recommended_rtol", 1e-9));
  TP_ASSIGN_OR_RETURN(result.angle_tolerance_degrees,
                      description.Number("recommended_angle_atol_degrees", 1e-5));
  const bool learns_feedback = !result.spec.has_bp() && !result.feedback_frozen;
  const bool divides_by_sigma = result.spec.has_ddtp_linear();
  if (learns_feedback && divides_by_sigma && !(result.spec.ddtp_linear().sigma() > 0)) {
    return Malformed("sigma", "positive");
  }
  return result;
}

absl::StatusOr<Matrix<double>> SamplesOf(const SafetensorsFile& file, const std::string& name,
                                         Index width) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor, Float64(file, name));
  const std::vector<int64_t>& shape = tensor->shape;
  const bool is_map = shape.size() == 4;
  if ((shape.size() != 2 && !is_map) || shape[0] < 1 ||
      tensor->num_elements() != shape[0] * width) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", name, "' has shape ", ShapeText(tensor->shape), "; expected [B, ", width, "]"));
  }
  Matrix<double> samples(width, tensor->shape[0]);
  std::copy(tensor->data.begin(), tensor->data.end(), reinterpret_cast<char*>(samples.data()));
  return samples;
}

absl::StatusOr<Matrix<double>> ParameterOf(const SafetensorsFile& file, const std::string& name,
                                           Index rows, Index cols, bool is_vector) {
  TP_ASSIGN_OR_RETURN(
      const Tensor* tensor,
      WithShape(file, name,
                is_vector ? std::vector<int64_t>{rows} : std::vector<int64_t>{rows, cols}));
  return FromRowMajor(*tensor, rows, cols);
}

absl::StatusOr<Matrix<double>> KernelsOf(const SafetensorsFile& file, const std::string& name,
                                         const ConvGeometry& conv) {
  TP_ASSIGN_OR_RETURN(const Tensor* tensor, WithShape(file, name, KernelShape(conv)));
  return FromRowMajor(*tensor, conv.map.channels, conv.patch_size());
}

Tensor SamplesTensor(const Matrix<double>& samples) {
  return MakeTensor({samples.cols(), samples.rows()}, samples.data(),
                    static_cast<size_t>(samples.size()));
}

Tensor MapsTensor(const Matrix<double>& samples, const MapShape& shape) {
  Tensor tensor = SamplesTensor(samples);
  tensor.shape = {samples.cols(), shape.channels, shape.height, shape.width};
  return tensor;
}

Tensor KernelsTensor(const Matrix<double>& value, const ConvGeometry& conv) {
  const Matrix<double> transposed = value.transpose();
  return MakeTensor(KernelShape(conv), transposed.data(), static_cast<size_t>(value.size()));
}

Tensor ParameterTensor(const Parameter<double>& parameter, const Matrix<double>& value) {
  const Matrix<double> transposed = value.transpose();
  const bool is_vector = parameter.name[0] == 'b' || parameter.name[0] == 'd';
  return MakeTensor(is_vector ? std::vector<int64_t>{value.rows()}
                              : std::vector<int64_t>{value.rows(), value.cols()},
                    transposed.data(), static_cast<size_t>(value.size()));
}

Tensor ScalarTensor(double value) { return MakeTensor({}, &value, 1); }

}  // namespace tpsweep::trainer
