// Whether the rule can train the network (see training_checks.h).
#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/spec/text.h"
#include "common/spec/training_checks.h"
#include "common/training/layer_shapes.h"

namespace tpsweep::spec {
namespace {

std::string RuleName(const v1::TrainingSpec& spec) {
  const auto* oneof = v1::TrainingSpec::descriptor()->FindOneofByName("rule");
  return spec.GetReflection()->GetOneofFieldDescriptor(spec, oneof)->name();
}

// Targets that come straight from the output need a layer to go to.
bool NeedsHiddenLayer(const v1::TrainingSpec& spec) {
  return spec.has_ddtp_linear() || spec.has_ddtp_rhl() || spec.has_ddtp_control() || spec.has_dfa();
}

// The inverses belong at the end of a layer's own feedback path, where they undo
// that layer's activation; in a path from the output they are inverses of nothing.
void CheckDirectActivation(v1::Activation activation, const std::string& path, Problems& problems) {
  if (activation != v1::ACTIVATION_INVERSE_LEAKY_RELU && activation != v1::ACTIVATION_LOGIT) return;
  problems.Add(path, EnumText(activation),
               " is for the layerwise feedback of dtp and dtpdrl; legal: linear, tanh, relu, "
               "leaky_relu, sigmoid");
}

void CheckDdtpLinear(const v1::DdtpLinearRule& rule, const std::string& path, Problems& problems) {
  CheckDirectActivation(rule.feedback_activation(), JoinPath(path, "feedback_activation"),
                        problems);
  CheckDirectActivation(rule.feedback_hidden_activation(),
                        JoinPath(path, "feedback_hidden_activation"), problems);
  const bool is_affine =
      rule.feedback_hidden().empty() && rule.feedback_activation() == v1::ACTIVATION_LINEAR;
  if (rule.recurrent_input() && is_affine) {
    problems.Add(JoinPath(path, "recurrent_input"),
                 "true changes nothing in paths that are a single matrix with a linear end: what "
                 "is appended cancels in the difference; set feedback_hidden, or leave it out");
  }
}

void CheckGnt(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const bool has_conv = absl::c_any_of(spec.network().layers(),
                                       [](const v1::Layer& layer) { return layer.has_conv(); });
  if (has_conv && spec.gnt().weight_update() == v1::GNT_WEIGHT_UPDATE_MINIMAL_NORM) {
    problems.Add(JoinPath(path, "weight_update"),
                 "minimal_norm is for dense networks, and network.layers has conv layers; legal: "
                 "gradient");
  }
}

}  // namespace

void CheckRule(const v1::TrainingSpec& spec, const std::string& path, Problems& problems) {
  const std::string name = RuleName(spec);
  const std::string at = JoinPath(path, absl::StrCat("rule.", name));
  if (NeedsHiddenLayer(spec) && NumLayers(spec.network()) < 2) {
    problems.Add(JoinPath(path, "network.hidden"), "is empty; the rule ", name,
                 " needs one hidden layer or more, as in hidden: [256, 256]");
  }
  if (spec.has_ddtp_linear()) CheckDdtpLinear(spec.ddtp_linear(), at, problems);
  if (spec.has_ddtp_rhl()) {
    CheckDirectActivation(spec.ddtp_rhl().feedback_activation(),
                          JoinPath(at, "feedback_activation"), problems);
  }
  if (spec.has_gnt()) CheckGnt(spec, at, problems);
}

}  // namespace tpsweep::spec
