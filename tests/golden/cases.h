// The golden cases of this folder.
#pragma once

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace tpsweep {

inline constexpr const char* kDenseCases[] = {
    "bp_sigmoid_relu",
    "bp_softmax",
    "ddtp_control_softmax",
    "ddtp_linear_frozen",
    "ddtp_linear_sigmoid_damplist",
    "ddtp_linear_softmax",
    "ddtp_rhl_rec_softmax",
    "ddtp_rhl_softmax",
    "dfa_softmax",
    "dtp_regression_pretrained",
    "dtp_softmax_tanh",
    "dtpdrl_softmax_tanh",
    "gaitnet_bp_square",
    "gnt_regression_damped",
    "gnt_softmax",
};

// With exact inverses: not in float32, in which the authors' gamma is refused, and in which
// the strong regulariser of the tp case drowns the rest.
inline constexpr const char* kExactInverseCases[] = {
    "gait_square", "gait_square_linear_nonorth", "gait_square_orthogonal",
    "gait_tower",  "gaitnet_tp_square",
};

inline constexpr const char* kConvCases[] = {
    "conv_bp",
    "conv_ddtp_control",
    "conv_ddtp_linear",
    "conv_dfa",
};

inline constexpr const char* kInversionCases[] = {
    "di_bp_linear",       "di_di_linear_negT",     "di_di_nonlinear_negT",   "di_fa_linear",
    "di_ndi_linear_negT", "di_ndi_nonlinear_negT", "di_sldi_nonlinear_negT", "di_pbp_linear",
};

inline std::string CasePath(const std::string& name) {
  return absl::StrCat(std::getenv("TPSWEEP_SOURCE_DIR"), "/tests/golden/", name, ".safetensors");
}

}  // namespace tpsweep
