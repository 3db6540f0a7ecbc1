// The fields of each learning rule, complete, for tests of the trainer.
#pragma once

#include <string>

#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// Names of rules that are options of another in the contract; SetRule knows them too.
inline constexpr const char* kRuleVariants[] = {"ddtp_mlp",   "ddtp_rhl_rec",
                                                "itp_gamma",  "itp_adaptive_gamma",
                                                "gait_gamma", "gait_adaptive_gamma"};

// The rules that need square matrices and invertible activations.
inline bool InvertsLayers(const v1::TrainingSpec& spec) {
  return spec.has_tp() || spec.has_itp() || spec.has_gait();
}

// The rules of dynamic inversion, for dense layers; they bring errors down and have no targets.
inline bool InvertsErrors(const v1::TrainingSpec& spec) {
  return spec.has_fa() || spec.has_pbp() || spec.has_ndi() || spec.has_di() || spec.has_sldi();
}

// The carry of "gait", "gait_gamma", ...
inline v1::Carry CarryOf(const std::string& rule) {
  if (rule.find("_adaptive_gamma") != std::string::npos) return v1::CARRY_ADAPTIVE_GAMMA;
  return rule.find("_gamma") != std::string::npos ? v1::CARRY_GAMMA : v1::CARRY_DIFFERENCE;
}

// Small sizes where the rule has any.
inline void SetRule(const std::string& rule, v1::TrainingSpec& spec) {
  const auto set = [](auto& fields, double eta, double sigma) {
    fields.set_target_stepsize(eta);
    fields.set_sigma(sigma);
  };
  if (rule == "bp") spec.mutable_bp();
  if (rule == "dtp") {
    set(*spec.mutable_dtp(), 0.1, 0.1);
    spec.mutable_dtp()->set_feedback_activation(v1::ACTIVATION_TANH);
  }
  if (rule == "dtpdrl") {
    set(*spec.mutable_dtpdrl(), 0.05, 0.05);
    spec.mutable_dtpdrl()->set_feedback_activation(v1::ACTIVATION_TANH);
  }
  if (rule == "ddtp_linear" || rule == "ddtp_mlp") {
    v1::DdtpLinearRule& fields = *spec.mutable_ddtp_linear();
    set(fields, 0.05, 0.05);
    fields.set_last_hidden_bias(false);
    fields.set_feedback_hidden_activation(v1::ACTIVATION_TANH);
    fields.set_feedback_activation(v1::ACTIVATION_LINEAR);
    fields.set_recurrent_input(false);
    if (rule == "ddtp_mlp") {
      fields.add_feedback_hidden(9);
      fields.add_feedback_hidden(7);
      fields.set_feedback_activation(v1::ACTIVATION_TANH);
      fields.set_recurrent_input(true);
    }
  }
  if (rule == "ddtp_rhl" || rule == "ddtp_rhl_rec") {
    v1::DdtpRhlRule& fields = *spec.mutable_ddtp_rhl();
    set(fields, 0.05, 0.05);
    fields.set_random_units(40);
    fields.set_recurrent_input(rule == "ddtp_rhl_rec");
    fields.set_feedback_activation(v1::ACTIVATION_TANH);
  }
  if (rule == "ddtp_control") set(*spec.mutable_ddtp_control(), 0.05, 0.05);
  if (rule == "gnt") {
    spec.mutable_gnt()->set_damping(0);
    spec.mutable_gnt()->set_target_stepsize(1);
    spec.mutable_gnt()->set_weight_update(v1::GNT_WEIGHT_UPDATE_GRADIENT);
    spec.mutable_gnt()->set_norm_ratio(1);
  }
  const auto set_carry = [&rule](auto& fields) {
    fields.set_carry(CarryOf(rule));
    fields.set_gamma(0.001);
    fields.set_perturbation(0.001);
  };
  if (rule == "tp") spec.mutable_tp();
  if (rule.rfind("itp", 0) == 0) set_carry(*spec.mutable_itp());
  if (rule.rfind("gait", 0) == 0) set_carry(*spec.mutable_gait());
  // Feedback that is stable from the start, and a leak under which it stays so.
  const auto set_inversion = [](auto& fields) {
    fields.mutable_feedback()->set_kind(v1::FEEDBACK_KIND_NEGATIVE_TRANSPOSE);
    fields.mutable_feedback()->set_bound(0.5);
    fields.mutable_feedback()->set_scale(1);
    fields.set_alpha(0.1);
    v1::Stabilise& stabilise = *fields.mutable_stabilise();
    stabilise.set_kind(v1::STABILISE_KIND_NONE);
    stabilise.set_every(1);
    stabilise.mutable_ssa()->set_lr(0.05);
    stabilise.mutable_ssa()->set_max_steps(200);
    stabilise.mutable_ssa()->set_max_attempts(5);
    stabilise.mutable_ssa()->set_smoothing(0.001);
  };
  const auto set_dynamics = [](auto& fields, v1::Nonlinearity nonlinearity) {
    fields.mutable_dynamics()->set_dt(0.25);
    fields.mutable_dynamics()->set_steps(40);
    fields.mutable_dynamics()->set_tolerance(0);
    fields.mutable_dynamics()->set_order(v1::EULER_ORDER_IN_TURN);
    fields.set_nonlinearity(nonlinearity);
  };
  if (rule == "fa") {
    spec.mutable_fa()->mutable_feedback()->set_kind(v1::FEEDBACK_KIND_RANDOM);
    spec.mutable_fa()->mutable_feedback()->set_bound(0.5);
    spec.mutable_fa()->mutable_feedback()->set_scale(1);
  }
  if (rule == "pbp") spec.mutable_pbp();
  if (rule == "ndi") set_inversion(*spec.mutable_ndi());
  if (rule == "di") {
    set_inversion(*spec.mutable_di());
    set_dynamics(*spec.mutable_di(), v1::NONLINEARITY_TIMES_DERIVATIVE);
  }
  if (rule == "sldi") {
    set_inversion(*spec.mutable_sldi());
    set_dynamics(*spec.mutable_sldi(), v1::NONLINEARITY_TIMES_DERIVATIVE);
    // The loop through all layers bears less: stable below s = 2 (1 + alpha)^2, where s is the
    // square of the largest singular value of the product of the W.
    spec.mutable_sldi()->set_alpha(5);
  }
  if (rule == "dfa") {
    spec.mutable_dfa()->set_target_stepsize(1);
    spec.mutable_dfa()->set_last_hidden_bias(false);
  }
}

// t at the end of the rule's feedback paths, where it is a field.
inline void SetFeedbackActivation(v1::Activation t, v1::TrainingSpec& spec) {
  if (spec.has_dtp()) spec.mutable_dtp()->set_feedback_activation(t);
  if (spec.has_dtpdrl()) spec.mutable_dtpdrl()->set_feedback_activation(t);
  if (spec.has_ddtp_rhl()) spec.mutable_ddtp_rhl()->set_feedback_activation(t);
  if (spec.has_ddtp_linear()) spec.mutable_ddtp_linear()->set_feedback_activation(t);
}

}  // namespace tpsweep
