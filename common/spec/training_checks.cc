#include "common/spec/training_checks.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/spec/schema.h"
#include "common/spec/text.h"
#include "common/training/known_data.h"
#include "common/training/layer_shapes.h"
#include "common/training/measure_memory.h"

namespace tpsweep::spec {
namespace {

template <class Enum>
std::string EnumText(Enum value) {
  return NameOf(*google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value));
}

bool IsForFeedbackOnly(v1::Activation activation) {
  return activation == v1::ACTIVATION_INVERSE_LEAKY_RELU || activation == v1::ACTIVATION_LOGIT;
}

void CheckActivations(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const v1::Network& network = spec.network();
  const std::string output_path = JoinPath(path, "network.output_activation");
  for (const auto& [at, activation] :
       {std::pair(JoinPath(path, "network.activation"), network.activation()),
        std::pair(output_path, network.output_activation())}) {
    if (IsForFeedbackOnly(activation)) {
      problems.Add(at, EnumText(activation),
                   " is for feedback paths only; legal: linear, tanh, relu, leaky_relu, sigmoid");
    }
  }
  if (spec.loss() == v1::LOSS_CROSS_ENTROPY &&
      network.output_activation() != v1::ACTIVATION_LINEAR) {
    problems.Add(output_path, EnumText(network.output_activation()),
                 " does not go with the loss cross_entropy, which needs linear (set loss: mse for "
                 "other output activations)");
  }
}

void CheckSize(const v1::Network& network, const std::string& path, Problems& problems) {
  constexpr double kMostWeights = 2147483647;  // 2^31 - 1
  constexpr double kInputs = 784;              // of the usual data sets; the real one may be larger
  double weights = 0;
  double below = kInputs;
  for (const int32_t width : network.hidden()) {
    weights += below * width;
    below = width;
  }
  if (weights > kMostWeights) {
    problems.Add(JoinPath(path, "network.hidden"), "makes ", NumberText(weights), " weights (on ",
                 NumberText(kInputs), " inputs); at most ", NumberText(kMostWeights), " are legal");
  }
}

// One entry for all layers, or one for each.
void CheckLayerList(int entries, int layers, const std::string& path, Problems& problems) {
  if (entries == 1 || entries == layers) return;
  problems.Add(path, "has ", entries, " entries; legal: 1",
               layers == 1 ? "" : absl::StrCat(", or ", layers, " (one for each layer)"));
}

void CheckOptimiser(const v1::Optimiser& optimiser, int layers, const std::string& path,
                    Problems& problems) {
  CheckLayerList(optimiser.lr_size(), layers, JoinPath(path, "lr"), problems);
  if (optimiser.has_adam()) {
    CheckLayerList(optimiser.adam().epsilon_size(), layers,
                   JoinPath(path, "algorithm.adam.epsilon"), problems);
  }
}

void CheckTrainedLayers(const v1::TrainingSpec& spec, int layers, const std::string& path,
                        Problems& problems) {
  std::set<int32_t> seen;
  for (int i = 0; i < spec.trained_layers_size(); ++i) {
    const int32_t layer = spec.trained_layers(i);
    const std::string at = absl::StrCat(JoinPath(path, "trained_layers"), "[", i, "]");
    if (layer < 1 || layer > layers) {
      problems.Add(at, layer, " is not in [1, ", layers, "]: the network has ", layers, " layers");
    } else if (!seen.insert(layer).second) {
      problems.Add(at, layer, " is there twice");
    }
  }
}

// What is measured, and whether it fits in memory, if the data set is one that is known
// by name; the run asks again when it has the data.
void CheckMeasure(const v1::TrainingSpec& spec, int layers, const std::string& path,
                  Problems& problems) {
  const v1::Measure& measure = spec.measure();
  const std::string at = JoinPath(path, "measure");
  if (measure.every() > 0 && measure.quantities().empty()) {
    problems.Add(JoinPath(at, "quantities"), "is empty, though every is ", measure.every(),
                 "; name what is to be measured, as in quantities: [bp_angle, gnt_angle]");
  }
  if (measure.damping_size() != 1 && measure.damping_size() != layers - 1) {
    problems.Add(
        JoinPath(at, "damping"), "has ", measure.damping_size(), " entries; legal: 1",
        layers <= 2 ? "" : absl::StrCat(", or ", layers - 1, " (one for each hidden layer)"));
  }
  if (measure.every() > 0 && measure.damping_search_epoch() > spec.epochs() &&
      absl::c_linear_search(measure.quantities(), v1::QUANTITY_DAMPING_SEARCH)) {
    problems.Add(JoinPath(at, "damping_search_epoch"), measure.damping_search_epoch(),
                 " is beyond epochs: ", spec.epochs());
  }
  const std::optional<DataShape> data = KnownShape(spec.dataset());
  if (!data) return;
  const auto shapes = InferShapes(spec.network(), data->input, data->num_outputs);
  if (!shapes.ok()) return;  // reported elsewhere
  const absl::Status fits = CheckMeasureMemory(spec, *shapes);
  if (fits.ok()) return;
  const std::pair<std::string, std::string> message =
      absl::StrSplit(fits.message(), absl::MaxSplits(": ", 1));
  problems.Add(JoinPath(path, message.first), message.second);
}

void CheckGnt(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  if (spec.gnt().weight_update() != v1::GNT_WEIGHT_UPDATE_MINIMAL_NORM) return;
  if (absl::c_none_of(spec.network().layers(),
                      [](const v1::Layer& layer) { return layer.has_conv(); })) {
    return;
  }
  problems.Add(JoinPath(path, "rule.gnt.weight_update"),
               "minimal_norm is for dense networks; legal with conv layers: gradient");
}

}  // namespace

void CheckTraining(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const int layers = NumLayers(spec.network());
  CheckActivations(spec, path, problems);
  CheckSize(spec.network(), path, problems);
  CheckOptimiser(spec.forward(), layers, JoinPath(path, "forward"), problems);
  CheckOptimiser(spec.feedback(), layers, JoinPath(path, "feedback"), problems);
  CheckTrainedLayers(spec, layers, path, problems);
  CheckMeasure(spec, layers, path, problems);
  if (spec.has_gnt()) CheckGnt(spec, path, problems);
  if (spec.has_ddtp_linear() && spec.network().hidden().empty()) {
    problems.Add(JoinPath(path, "network.hidden"),
                 "is empty; the rule ddtp_linear needs one hidden layer or more, as in "
                 "hidden: [256, 256]");
  }
}

void FillDerivedDefaults(v1::TrainingSpec& spec) {
  const v1::Activation hidden = spec.network().activation();
  const v1::Activation chain =
      hidden == v1::ACTIVATION_LEAKY_RELU ? v1::ACTIVATION_INVERSE_LEAKY_RELU : hidden;
  // The authors' convolutional networks have the bias that their dense ones lack.
  const bool last_hidden_bias = absl::c_any_of(
      spec.network().layers(), [](const v1::Layer& layer) { return layer.has_conv(); });
  switch (spec.rule_case()) {
    case v1::TrainingSpec::kDtp:
      if (!spec.dtp().feedback_activation()) spec.mutable_dtp()->set_feedback_activation(chain);
      break;
    case v1::TrainingSpec::kDtpdrl:
      if (!spec.dtpdrl().feedback_activation()) {
        spec.mutable_dtpdrl()->set_feedback_activation(chain);
      }
      break;
    case v1::TrainingSpec::kDdtpLinear: {
      v1::DdtpLinearRule& rule = *spec.mutable_ddtp_linear();
      if (!rule.has_last_hidden_bias()) rule.set_last_hidden_bias(last_hidden_bias);
      if (!rule.feedback_hidden_activation()) rule.set_feedback_hidden_activation(hidden);
      break;
    }
    case v1::TrainingSpec::kDfa:
      if (!spec.dfa().has_last_hidden_bias()) {
        spec.mutable_dfa()->set_last_hidden_bias(last_hidden_bias);
      }
      break;
    default:
      break;
  }
}

}  // namespace tpsweep::spec
