#include "worker/trainer/golden/inversion_case.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/trainer/golden/case_tensors.h"
#include "worker/trainer/measure/angle.h"
#include "worker/trainer/rules/inverse_solve.h"
#include "worker/trainer/rules/inversion_measurements.h"
#include "worker/trainer/rules/inversion_stability.h"

namespace tpsweep::trainer {
namespace {

// "nonlinearity_mode" is a sentence.
absl::Status ReadNonlinearity(const Description& description, absl::string_view rule,
                              v1::HiddenErrors& errors, v1::Nonlinearity& nonlinearity) {
  TP_ASSIGN_OR_RETURN(const std::string mode, description.Text("nonlinearity_mode", "none"));
  const bool is_loop = rule == "di" || rule == "sldi";
  if (absl::StartsWith(mode, "none")) return absl::OkStatus();
  if (is_loop && absl::StrContains(mode, "origin")) {
    nonlinearity = v1::NONLINEARITY_AROUND_ZERO;
    return absl::OkStatus();
  }
  if (is_loop && absl::StrContains(mode, "multiplied by h'")) return absl::OkStatus();
  if (!is_loop && absl::StrContains(mode, "TWICE")) {
    errors.set_derivative_twice(true);
    return absl::OkStatus();
  }
  if (!is_loop && absl::StrContains(absl::AsciiStrToLower(mode), "once")) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("nonlinearity_mode '", mode, "' is not supported by replay for rule ", rule));
}

template <class Fields>
absl::Status ReadLoop(const Description& description, Fields& fields) {
  TP_ASSIGN_OR_RETURN(const double dt, description.Number("dt", 0.5));
  TP_ASSIGN_OR_RETURN(const int steps, description.Count("euler_iterations", 0));
  if (!(dt > 0)) return Malformed("dt", "positive");
  if (steps < 1) return Malformed("euler_iterations", "positive");
  fields.mutable_dynamics()->set_dt(dt);
  fields.mutable_dynamics()->set_steps(steps);
  fields.mutable_dynamics()->set_order(v1::EULER_ORDER_IN_TURN);
  return absl::OkStatus();
}

template <class Fields>
void SetFeedback(double alpha, Fields& fields) {
  // The matrices themselves are in the file.
  fields.mutable_feedback()->set_kind(v1::FEEDBACK_KIND_NEGATIVE_TRANSPOSE);
  fields.mutable_feedback()->set_scale(1);
  fields.mutable_stabilise()->set_kind(v1::STABILISE_KIND_NONE);
  fields.set_alpha(alpha);
}

v1::HiddenErrors* MutableHiddenErrors(v1::TrainingSpec& spec) {
  switch (spec.rule_case()) {
    case v1::TrainingSpec::kFa:
      return spec.mutable_fa()->mutable_hidden_errors();
    case v1::TrainingSpec::kPbp:
      return spec.mutable_pbp()->mutable_hidden_errors();
    case v1::TrainingSpec::kNdi:
      return spec.mutable_ndi()->mutable_hidden_errors();
    case v1::TrainingSpec::kDi:
      return spec.mutable_di()->mutable_hidden_errors();
    case v1::TrainingSpec::kSldi:
      return spec.mutable_sldi()->mutable_hidden_errors();
    default:
      return spec.mutable_bp()->mutable_hidden_errors();
  }
}

}  // namespace

bool IsInversionCase(const Description& description) {
  return description.Find("nonlinearity_mode") != nullptr;
}

absl::Status ReadInversionRule(const Description& description, absl::string_view rule,
                               GoldenCase& result) {
  v1::TrainingSpec& spec = result.spec;
  InversionScript& inversion = result.inversion.emplace();
  TP_ASSIGN_OR_RETURN(inversion.alpha, description.Number("alpha", 0));
  if (!(inversion.alpha >= 0)) return Malformed("alpha", "0 or more");
  v1::HiddenErrors errors;
  v1::Nonlinearity nonlinearity = v1::NONLINEARITY_TIMES_DERIVATIVE;
  TP_RETURN_IF_ERROR(ReadNonlinearity(description, rule, errors, nonlinearity));
  TP_ASSIGN_OR_RETURN(const double max_norm, description.Number("clip_norm", 0));
  TP_ASSIGN_OR_RETURN(const bool normalise, description.Flag("normalise_updates", false));
  if (!(max_norm >= 0)) return Malformed("clip_norm", "0 or more");
  if (normalise) {
    return absl::UnimplementedError("normalise_updates true is not supported by replay");
  }
  errors.set_max_norm(max_norm);
  TP_ASSIGN_OR_RETURN(const v1::Activation hidden,
                      description.Activation("hidden_activation", "linear"));
  inversion.is_linear = hidden == v1::ACTIVATION_LINEAR;
  if (rule == "bp") {
    spec.mutable_bp();
  } else if (rule == "fa") {
    spec.mutable_fa()->mutable_feedback()->set_kind(v1::FEEDBACK_KIND_NEGATIVE_TRANSPOSE);
  } else if (rule == "pbp") {
    spec.mutable_pbp();
  } else if (rule == "ndi") {
    SetFeedback(inversion.alpha, *spec.mutable_ndi());
  } else if (rule == "di") {
    SetFeedback(inversion.alpha, *spec.mutable_di());
    spec.mutable_di()->set_nonlinearity(nonlinearity);
    TP_RETURN_IF_ERROR(ReadLoop(description, *spec.mutable_di()));
  } else if (rule == "sldi") {
    SetFeedback(inversion.alpha, *spec.mutable_sldi());
    spec.mutable_sldi()->set_nonlinearity(nonlinearity);
    TP_RETURN_IF_ERROR(ReadLoop(description, *spec.mutable_sldi()));
  } else {
    return absl::UnimplementedError(
        absl::StrCat("rule '", rule,
                     "' is not supported by replay in the dynamic inversion family; supported: "
                     "bp, fa, pbp, ndi, di, sldi"));
  }
  *MutableHiddenErrors(spec) = errors;
  return absl::OkStatus();
}

v1::TrainingSpec WithoutScaling(v1::TrainingSpec spec) {
  MutableHiddenErrors(spec)->set_max_norm(0);
  return spec;
}

template <class S>
absl::Status ComputeInversionMetrics(
    const GoldenCase& golden_case, const SafetensorsFile& recorded, const Network<S>& network,
    const Pass<S>& pass, const std::function<void(const std::string& name, double value)>& put) {
  const int last = network.num_layers();
  const double alpha = golden_case.inversion->alpha;
  int num_angles = 0;
  Matrix<S> error = pass.delta.back();  // by ndi, all the way down
  std::vector<double> ndi_angles(static_cast<size_t>(last), 0.0);
  for (int l = 2; l <= last; ++l) {
    if (!recorded.tensors.contains(absl::StrCat("init/B", l))) return absl::OkStatus();
  }
  for (int l = last; l >= 2; --l) {
    const Matrix<S>& w = network.weight(l).value;
    TP_ASSIGN_OR_RETURN(const Matrix<double> recorded_b,
                        ParameterOf(recorded, "init/", absl::StrCat("B", l), w.cols(), w.rows()));
    const Matrix<S> b = recorded_b.template cast<S>();
    const double lambda_max = SpectralAbscissa(SpectrumOf<S>({&w}, b), alpha);
    put(absl::StrCat("lambda_max_B", l), lambda_max);
    put(absl::StrCat("stability_col", l - 2), lambda_max);
    put(absl::StrCat("angle_col", l - 2), FeedbackAngle<S>({&w}, b));
    ++num_angles;
    NondynamicInverse<S> inverse;
    inverse.Factor(w, b, alpha);
    Matrix<S> below;
    inverse.Apply(error, below);
    const auto i = static_cast<size_t>(l) - 1;
    MultiplyByDerivative<S>(network.activation(l - 1), pass.a[i], pass.h[i], below);
    error = below;
    ndi_angles[i] = MeanAngleOfColumns(pass.delta[i], error);
  }
  if (!golden_case.inversion->is_linear) {
    for (int l = 1; l < last; ++l) {
      put(absl::StrCat("angle_col", num_angles + l - 1), ndi_angles[static_cast<size_t>(l)]);
    }
    return absl::OkStatus();
  }
  put(absl::StrCat("angle_col", num_angles), ndi_angles[1]);
  PseudoInverse<S> inverse;
  inverse.Factor(network.weight(2).value);
  inverse.Apply(pass.delta[2], error);
  put(absl::StrCat("angle_col", num_angles + 1), MeanAngleOfColumns(pass.delta[1], error));
  return absl::OkStatus();
}

template absl::Status ComputeInversionMetrics(
    const GoldenCase&, const SafetensorsFile&, const Network<float>&, const Pass<float>&,
    const std::function<void(const std::string&, double)>&);
template absl::Status ComputeInversionMetrics(
    const GoldenCase&, const SafetensorsFile&, const Network<double>&, const Pass<double>&,
    const std::function<void(const std::string&, double)>&);

}  // namespace tpsweep::trainer
