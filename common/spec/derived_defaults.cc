// Defaults that depend on other fields (see training_checks.h).
#include "absl/algorithm/container.h"
#include "common/spec/training_checks.h"

namespace tpsweep::spec {

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
