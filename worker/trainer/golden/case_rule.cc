#include "worker/trainer/golden/case_rule.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "worker/trainer/golden/case_tensors.h"
#include "worker/trainer/golden/inversion_case.h"
#include "worker/trainer/learning_rule.h"

namespace tpsweep::trainer {
namespace {

// The authors' code takes the activation of the hidden layers if none is given.
absl::StatusOr<v1::Activation> FeedbackActivationOf(const Description& description) {
  TP_ASSIGN_OR_RETURN(const std::string hidden, description.Text("hidden_activation", "linear"));
  return description.Activation("feedback_activation", hidden);
}

// Their layerwise paths, and those of RHL, take the inverses of leaky relu and sigmoid
// under the names of these.
absl::StatusOr<v1::Activation> InverseFeedbackActivationOf(const Description& description) {
  TP_ASSIGN_OR_RETURN(const v1::Activation kind, FeedbackActivationOf(description));
  if (kind == v1::ACTIVATION_LEAKY_RELU) return v1::ACTIVATION_INVERSE_LEAKY_RELU;
  if (kind == v1::ACTIVATION_SIGMOID) return v1::ACTIVATION_LOGIT;
  return kind;
}

absl::Status ExpectLinearFeedback(const Description& description, absl::string_view rule) {
  TP_ASSIGN_OR_RETURN(const std::string feedback,
                      description.Text("feedback_activation", "linear"));
  if (feedback == "linear") return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("feedback_activation '", feedback,
                                               "' is not supported by replay for rule ", rule,
                                               "; supported: linear"));
}

// "rhl": {"n_fb": 8, "activation": "tanh", "recurrent": false}.
absl::Status ReadRandomLayer(const Description& description, bool is_recurrent,
                             v1::DdtpRhlRule& rule) {
  const nlohmann::json* json = description.Find("rhl");
  if (json == nullptr || !json->is_object()) {
    return Malformed("rhl", "an object that describes the random layer");
  }
  const Description random_layer(*json);
  TP_ASSIGN_OR_RETURN(const int width, random_layer.Count("n_fb", 0));
  if (width < 1) return Malformed("n_fb", "positive");
  TP_ASSIGN_OR_RETURN(const std::string activation, random_layer.Text("activation", "tanh"));
  if (activation != "tanh") {
    return absl::UnimplementedError(absl::StrCat("rhl.activation '", activation,
                                                 "' is not supported by replay; supported: tanh"));
  }
  TP_ASSIGN_OR_RETURN(const bool recurrent, random_layer.Flag("recurrent", is_recurrent));
  rule.set_random_units(width);
  rule.set_recurrent_input(recurrent);
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadRule(const Description& description, GoldenCase& result) {
  TP_ASSIGN_OR_RETURN(const std::string rule, description.Text("rule", ""));
  TP_ASSIGN_OR_RETURN(const double eta, description.Number("eta", 1));
  TP_ASSIGN_OR_RETURN(const double sigma, description.Number("sigma", 0));
  TP_ASSIGN_OR_RETURN(const bool divided, description.Flag("lr_is_divided_by_eta", false));
  if (divided && !(eta > 0)) return Malformed("eta", "positive");
  result.forward_lr_divisor = divided ? eta : 1;
  v1::TrainingSpec& spec = result.spec;
  const auto set_eta_and_sigma = [&](auto& fields) {
    fields.set_target_stepsize(eta);
    fields.set_sigma(sigma);
  };
  if (IsInversionCase(description)) {
    TP_RETURN_IF_ERROR(ReadInversionRule(description, rule, result));
  } else if (rule == "bp") {
    spec.mutable_bp();
  } else if (rule == "dtp") {
    set_eta_and_sigma(*spec.mutable_dtp());
    TP_ASSIGN_OR_RETURN(const v1::Activation t, InverseFeedbackActivationOf(description));
    spec.mutable_dtp()->set_feedback_activation(t);
  } else if (rule == "dtpdrl") {
    set_eta_and_sigma(*spec.mutable_dtpdrl());
    TP_ASSIGN_OR_RETURN(const v1::Activation t, InverseFeedbackActivationOf(description));
    spec.mutable_dtpdrl()->set_feedback_activation(t);
  } else if (rule == "ddtp_linear") {
    set_eta_and_sigma(*spec.mutable_ddtp_linear());
    TP_ASSIGN_OR_RETURN(const v1::Activation t,
                        description.Activation("feedback_activation", "linear"));
    spec.mutable_ddtp_linear()->set_feedback_activation(t);
  } else if (rule == "ddtp_rhl" || rule == "ddtp_rhl_rec") {
    set_eta_and_sigma(*spec.mutable_ddtp_rhl());
    TP_ASSIGN_OR_RETURN(const v1::Activation t, InverseFeedbackActivationOf(description));
    spec.mutable_ddtp_rhl()->set_feedback_activation(t);
    TP_RETURN_IF_ERROR(
        ReadRandomLayer(description, rule == "ddtp_rhl_rec", *spec.mutable_ddtp_rhl()));
  } else if (rule == "ddtp_control") {
    TP_RETURN_IF_ERROR(ExpectLinearFeedback(description, rule));
    set_eta_and_sigma(*spec.mutable_ddtp_control());
  } else if (rule == "dfa") {
    TP_RETURN_IF_ERROR(ExpectLinearFeedback(description, rule));
    spec.mutable_dfa()->set_target_stepsize(eta);
  } else if (rule == "gnt") {
    // The authors' targets do not have the step size: it only divides the rate.
    TP_ASSIGN_OR_RETURN(const double damping, description.Number("gn_damping_training", 0));
    if (!(damping >= 0)) return Malformed("gn_damping_training", "0 or more");
    spec.mutable_gnt()->set_target_stepsize(1);
    spec.mutable_gnt()->set_damping(damping);
  } else if (rule == "tp") {
    spec.mutable_tp();
  } else if (rule == "gait") {
    TP_ASSIGN_OR_RETURN(const double gamma, description.Number("gamma", 0));
    if (!(gamma > 0 && gamma < 1)) return Malformed("gamma", "between 0 and 1");
    spec.mutable_gait()->set_carry(v1::CARRY_GAMMA);
    spec.mutable_gait()->set_gamma(gamma);
  } else {
    const std::string supported = absl::StrJoin(
        Rules(), ", ",
        [](std::string* out, const RuleEntry& entry) { absl::StrAppend(out, entry.name); });
    return absl::UnimplementedError(
        absl::StrCat("rule '", rule, "' is not supported by replay; supported: ", supported));
  }
  return absl::OkStatus();
}

absl::Status CheckFeedbackWeights(const SafetensorsFile& file, const GoldenCase& golden_case) {
  const v1::TrainingSpec& spec = golden_case.spec;
  const std::vector<Index>& n = golden_case.sizes;
  const auto last = static_cast<int>(n.size()) - 1;
  const auto check = [&file](const std::string& name, Index rows, Index cols) {
    return WithShape(file, absl::StrCat("init/", name), {rows, cols}).status();
  };
  if (golden_case.inversion) {
    if (spec.has_sldi()) return check("B_sldi", n[1], n.back());
    for (int l = 2; l <= last && (spec.has_fa() || spec.has_ndi() || spec.has_di()); ++l) {
      const auto i = static_cast<size_t>(l);
      TP_RETURN_IF_ERROR(check(absl::StrCat("B", l), n[i - 1], n[i]));
    }
    return absl::OkStatus();
  }
  const bool has_random_layer = spec.has_ddtp_rhl() && last >= 3;
  const Index num_random = spec.ddtp_rhl().random_units();
  if (has_random_layer) TP_RETURN_IF_ERROR(check("R", num_random, n.back()));
  const LayerRange layers = FeedbackLayers(spec, last);
  for (int l = layers.first; l <= layers.last; ++l) {
    const std::string name = absl::StrCat("Q", l);
    const Index width = n[static_cast<size_t>(l)];
    if (spec.has_dtp() || spec.has_dtpdrl()) {
      TP_RETURN_IF_ERROR(check(name, n[static_cast<size_t>(l) - 1], width));
    } else if (has_random_layer && l < last - 1) {
      const Index recurrent = spec.ddtp_rhl().recurrent_input() ? width : 0;
      TP_RETURN_IF_ERROR(check(name, width, num_random + recurrent));
    } else {
      TP_RETURN_IF_ERROR(check(name, width, n.back()));
    }
  }
  return absl::OkStatus();
}

LayerRange FeedbackLayers(const v1::TrainingSpec& spec, int num_layers) {
  switch (spec.rule_case()) {
    case v1::TrainingSpec::kDtp:
    case v1::TrainingSpec::kDtpdrl:
      return {2, num_layers};
    case v1::TrainingSpec::kDdtpLinear:
    case v1::TrainingSpec::kDdtpRhl:
    case v1::TrainingSpec::kDdtpControl:
    case v1::TrainingSpec::kDfa:
      return {1, num_layers - 1};
    default:
      return {1, 0};
  }
}

bool DividesBySigma(const v1::TrainingSpec& spec) {
  return spec.has_dtpdrl() || spec.has_ddtp_linear() || spec.has_ddtp_rhl();
}

}  // namespace tpsweep::trainer
