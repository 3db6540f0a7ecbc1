#include "worker/trainer/golden/replay.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/trainer/golden/case_tensors.h"
#include "worker/trainer/golden/inversion_case.h"
#include "worker/trainer/golden/metrics.h"
#include "worker/trainer/learning_rule.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/network.h"
#include "worker/trainer/optimiser.h"
#include "worker/trainer/orthogonality.h"
#include "worker/trainer/rules/error_rule.h"
#include "worker/trainer/square_inverse.h"

namespace tpsweep::trainer {
namespace {

// Recorded draws. The first one that is missing or of another shape stays as status().
template <class S>
class RecordedNoise final : public NoiseSource<S> {
 public:
  RecordedNoise(const SafetensorsFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}

  void Fill(int layer, S sigma, MatrixRef<S> out) override {
    const std::string name = absl::StrCat(prefix_, "noise/", layer);
    auto draws = SamplesOf(file_, name, out.rows());
    if (draws.ok() && draws->cols() != out.cols()) {
      draws = absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' has ", draws->cols(),
                                                      " rows, the mini-batch ", out.cols()));
    }
    if (!draws.ok()) {
      if (status_.ok()) status_ = draws.status();
      out.setZero();
      return;
    }
    out = sigma * draws->template cast<S>();
  }

  const absl::Status& status() const { return status_; }

 private:
  const SafetensorsFile& file_;
  const std::string prefix_;
  absl::Status status_;
};

template <class S>
class Replayer {
 public:
  Replayer(const GoldenCase& golden_case, const SafetensorsFile& recorded)
      : case_(golden_case),
        recorded_(recorded),
        network_(golden_case.spec.network(), golden_case.shapes, golden_case.layers_without_bias,
                 0),
        rule_(MakeRule<S>(golden_case.spec, network_, 0)) {
    if (!golden_case.inversion) return;
    first_rule_ = MakeRule<S>(
        golden_case.inversion->is_linear ? golden_case.spec : WithoutScaling(golden_case.spec),
        network_, 0);
  }

  absl::StatusOr<SafetensorsFile> Run() {
    computed_.metadata = recorded_.metadata;
    TP_RETURN_IF_ERROR(LoadParameters(network_.parameters()));
    TP_RETURN_IF_ERROR(LoadParameters(rule_->feedback_parameters()));
    if (first_rule_) TP_RETURN_IF_ERROR(LoadParameters(first_rule_->feedback_parameters()));
    TP_RETURN_IF_ERROR(LoadCancelledBiases());
    TP_RETURN_IF_ERROR(MakeOptimisers());
    for (int k = 0; k < case_.num_feedback_steps; ++k) {
      const std::string prefix = absl::StrCat("pre", k, "/");
      TP_RETURN_IF_ERROR(Forward(prefix));
      TP_RETURN_IF_ERROR(FeedbackStep(prefix));
    }
    for (int k = 0; k < case_.num_steps; ++k) {
      const std::string prefix = absl::StrCat("step", k, "/");
      TP_RETURN_IF_ERROR(case_.inversion ? InversionStep(prefix, /*is_first=*/k == 0)
                                         : Step(prefix));
    }
    return std::move(computed_);
  }

 private:
  using Parameters = absl::Span<Parameter<S>>;

  bool IsKernel(const Parameter<S>& parameter) const {
    return parameter.name[0] == 'W' && network_.is_conv(parameter.layer);
  }

  // As the file has them: in the shape of the parameter, or of samples of layer l.
  Tensor InShape(const Parameter<S>& parameter, const Matrix<S>& of_parameter) const {
    const Matrix<double>& value = of_parameter.template cast<double>();
    return IsKernel(parameter) ? KernelsTensor(value, *network_.shape(parameter.layer).conv)
                               : ParameterTensor(parameter.name, value);
  }
  Tensor InShape(int l, const Matrix<S>& of_samples) const {
    const Matrix<double>& samples = of_samples.template cast<double>();
    return network_.is_conv(l) ? MapsTensor(samples, network_.shape(l).output)
                               : SamplesTensor(samples);
  }

  // What the file has as a[l]: of a convolutional layer the map before the pool.
  Tensor Preactivations(int l) const {
    if (!network_.is_conv(l)) return InShape(l, pass_.a[static_cast<size_t>(l)]);
    ConvGeometry unpooled = *network_.shape(l).conv;
    unpooled.pool = 1;
    unpooled.pooled = unpooled.map;
    const Matrix<S>& below = pass_.h[static_cast<size_t>(l) - 1];
    const Parameter<S>* bias = network_.bias(l);
    Matrix<S> map(unpooled.map.size(), below.cols());
    ConvForward<S>(unpooled, network_.weight(l).value, bias == nullptr ? nullptr : &bias->value,
                   below, nullptr, map);
    return MapsTensor(map.template cast<double>(), unpooled.map);
  }

  absl::Status LoadParameters(Parameters parameters) {
    for (Parameter<S>& parameter : parameters) {
      if (IsKernel(parameter)) {
        TP_ASSIGN_OR_RETURN(const Matrix<double> kernels,
                            KernelsOf(recorded_, absl::StrCat("init/", parameter.name),
                                      *network_.shape(parameter.layer).conv));
        parameter.value = kernels.template cast<S>();
        continue;
      }
      TP_ASSIGN_OR_RETURN(const Matrix<double> value,
                          ParameterOf(recorded_, "init/", parameter.name, parameter.value.rows(),
                                      parameter.value.cols()));
      parameter.value = value.template cast<S>();
    }
    return absl::OkStatus();
  }

  // The authors have feedback biases where they cancel: they enter nothing and get a
  // gradient of zero, but their weight decay moves them. Our rules have none there.
  absl::Status LoadCancelledBiases() {
    for (int l = 1; l <= network_.num_layers(); ++l) {
      const std::string name = absl::StrCat("d", l);
      const auto recorded = recorded_.tensors.find(absl::StrCat("init/", name));
      if (recorded == recorded_.tensors.end()) continue;
      if (absl::c_any_of(rule_->feedback_parameters(),
                         [&](const Parameter<S>& own) { return own.name == name; })) {
        continue;
      }
      cancelled_biases_.push_back(
          MakeParameter<S>(name, l, Matrix<S>::Zero(recorded->second.num_elements(), 1)));
    }
    return LoadParameters(absl::MakeSpan(cancelled_biases_));
  }

  absl::Status MakeOptimisers() {
    const auto make = [this](const v1::Optimiser& spec, absl::Span<const Parameter<S>> of,
                             double lr_divisor, absl::Span<const int> trained_layers) {
      return Optimiser<S>::Create(spec, of, network_.num_layers(), lr_divisor, trained_layers);
    };
    TP_ASSIGN_OR_RETURN(forward_, make(case_.spec.forward(), network_.parameters(),
                                       case_.forward_lr_divisor, case_.trained_layers));
    TP_ASSIGN_OR_RETURN(feedback_,
                        make(case_.spec.feedback(), rule_->feedback_parameters(), 1, {}));
    TP_ASSIGN_OR_RETURN(cancelled_, make(case_.spec.feedback(), cancelled_biases_, 1, {}));
    return absl::OkStatus();
  }

  absl::Status Forward(const std::string& prefix) {
    TP_ASSIGN_OR_RETURN(const Matrix<double> x,
                        SamplesOf(recorded_, absl::StrCat(prefix, "x"), network_.size(0)));
    network_.Forward(x.template cast<S>(), pass_);
    return absl::OkStatus();
  }

  absl::Status ForwardWithLoss(const std::string& prefix) {
    TP_RETURN_IF_ERROR(Forward(prefix));
    for (int l = 1; l <= network_.num_layers(); ++l) {
      Put(absl::StrCat(prefix, "a", l), Preactivations(l));
      Put(absl::StrCat(prefix, "h", l), InShape(l, pass_.h[static_cast<size_t>(l)]));
    }
    return EvaluateLossOf(prefix);
  }

  // The scripts of [DI]: no weight changes in the first step; metrics after the update.
  absl::Status InversionStep(const std::string& prefix, bool is_first) {
    TP_RETURN_IF_ERROR(ForwardWithLoss(prefix));
    LearningRule<S>& rule = is_first ? *first_rule_ : *rule_;
    rule.ComputeUpdate(network_, pass_);
    if (std::string why = rule.why_infeasible(); !why.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", why));
    }
    PutErrors(prefix, dynamic_cast<const ErrorRule<S>&>(rule));
    PutGradients(prefix, network_.parameters());
    if (!is_first) forward_->Step(network_.parameters());
    PutValues(prefix, network_.parameters());
    return ComputeInversionMetrics<S>(
        case_, recorded_, network_, pass_, [&](const std::string& name, double value) {
          Put(absl::StrCat(prefix, "metric/", name), ScalarTensor(value));
        });
  }

  // delta{l} is target minus output, of each sample, and raw_delta{l} what the script's
  // routine returns: with the derivative, unless it runs dynamics.
  void PutErrors(const std::string& prefix, const ErrorRule<S>& rule) {
    const auto scale = -static_cast<S>(pass_.output_error.cols());
    const bool is_loop = case_.spec.has_di() || case_.spec.has_sldi();
    for (int l = 1; l <= network_.num_layers(); ++l) {
      const auto i = static_cast<size_t>(l);
      Put(absl::StrCat(prefix, "delta", l), InShape(l, Matrix<S>(scale * pass_.delta[i])));
      if (l == network_.num_layers()) break;
      Matrix<S> raw = scale * rule.error(l);
      if (!is_loop) MultiplyByDerivative<S>(network_.activation(l), pass_.a[i], pass_.h[i], raw);
      Put(absl::StrCat(prefix, "raw_delta", l), InShape(l, raw));
    }
  }

  absl::Status Step(const std::string& prefix) {
    TP_RETURN_IF_ERROR(ForwardWithLoss(prefix));
    rule_->ComputeUpdate(network_, pass_);
    if (const std::string why = rule_->why_infeasible(); !why.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", why));
    }
    for (size_t l = 1; l < pass_.displacement.size(); ++l) {
      Put(absl::StrCat(prefix, "target", l), InShape(static_cast<int>(l), pass_.target(l)));
    }
    if (IsRecorded(absl::StrCat(prefix, "inverse/"))) PutInverses(prefix);
    if (case_.spec.orthogonality() > 0) AddRegulariser(prefix);
    PutGradients(prefix, network_.parameters());
    TP_RETURN_IF_ERROR(FeedbackStep(prefix));
    if (IsRecorded(absl::StrCat(prefix, "metric/"))) PutMetrics(prefix);
    if (!case_.forward_frozen) forward_->Step(network_.parameters());
    PutValues(prefix, network_.parameters());
    return absl::OkStatus();
  }

  absl::Status EvaluateLossOf(const std::string& prefix) {
    const std::string name = absl::StrCat(prefix, "y");
    TP_ASSIGN_OR_RETURN(const Matrix<double> y, SamplesOf(recorded_, name, case_.num_targets));
    const Matrix<S>& h = pass_.h.back();
    if (y.cols() != h.cols()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name, "' has ", y.cols(), " rows, the mini-batch ", h.cols()));
    }
    const LossValue value =
        EvaluateLoss<S>(case_.spec.loss(), h, y.template cast<S>(), &pass_.output_error);
    Put(absl::StrCat(prefix, "loss"), ScalarTensor(value.loss));
    if (recorded_.tensors.contains(absl::StrCat(prefix, "label"))) {
      const auto batch = static_cast<double>(h.cols());
      Put(absl::StrCat(prefix, "accuracy"),
          ScalarTensor((batch - static_cast<double>(value.num_misclassified)) / batch));
    }
    return absl::OkStatus();
  }

  absl::Status FeedbackStep(const std::string& prefix) {
    const Parameters parameters = rule_->feedback_parameters();
    if (parameters.empty()) return absl::OkStatus();
    if (!case_.feedback_frozen) {
      RecordedNoise<S> noise(recorded_, prefix);
      std::vector<double> losses;
      rule_->ComputeFeedbackUpdate(network_, pass_, noise, losses);
      TP_RETURN_IF_ERROR(noise.status());
      PutGradients(prefix, parameters);
      PutGradients(prefix, absl::MakeSpan(cancelled_biases_));
      PutReconstructionLosses(prefix, losses);
      feedback_->Step(parameters);
      cancelled_->Step(absl::MakeSpan(cancelled_biases_));
    }
    PutValues(prefix, parameters);
    PutValues(prefix, absl::MakeSpan(cancelled_biases_));
    return absl::OkStatus();
  }

  void PutReconstructionLosses(const std::string& prefix, const std::vector<double>& losses) {
    double sum = 0;
    for (size_t i = 0; i < losses.size(); ++i) {
      Put(absl::StrCat(prefix, "metric/rec_loss", i + 1), ScalarTensor(losses[i]));
      sum += losses[i];
    }
    // What the authors log: the mean for dtp, the last path for the direct nets.
    const double reported =
        case_.spec.has_dtp() ? sum / static_cast<double>(losses.size()) : losses.back();
    Put(absl::StrCat(prefix, "metric/rec_loss_reported"), ScalarTensor(reported));
  }

  bool IsRecorded(const std::string& prefix) const {
    const auto first = recorded_.tensors.lower_bound(prefix);
    return first != recorded_.tensors.end() && absl::StartsWith(first->first, prefix);
  }

  // What the rules with exact inverses have in use: W[l]^-1, and the mixed target whose
  // inverse is the target below, found the other way round: by the layer's forward map.
  void PutInverses(const std::string& prefix) {
    for (int l = 2; l <= network_.num_layers(); ++l) {
      const Matrix<S>& w = network_.weight(l).value;
      SquareInverse<S> inverse;
      inverse.Factorise(w);
      Matrix<S> columns = Matrix<S>::Identity(w.rows(), w.cols());
      inverse.Solve(columns);
      const std::string name = absl::StrCat("W", l);
      Put(absl::StrCat(prefix, "inverse/", name),
          ParameterTensor(name, columns.template cast<double>()));
      Matrix<S> mixed(network_.size(l), pass_.h[0].cols());
      network_.ForwardLayer(l, pass_.target(static_cast<size_t>(l) - 1), mixed, mixed);
      Put(absl::StrCat(prefix, "mixed_target", l), InShape(l, mixed));
    }
  }

  // Its gradient alone, and added to that of the rule.
  void AddRegulariser(const std::string& prefix) {
    Network<S> regularised = network_;
    for (auto& parameter : regularised.parameters()) parameter.gradient.setZero();
    AddOrthogonalityGradient(case_.spec.orthogonality(), regularised);
    for (int l = 1; l <= network_.num_layers(); ++l) {
      const Parameter<S>& weight = regularised.weight(l);
      Put(absl::StrCat(prefix, "grad_orth/", weight.name), InShape(weight, weight.gradient));
    }
    AddOrthogonalityGradient(case_.spec.orthogonality(), network_);
  }

  void PutMetrics(const std::string& prefix) {
    const Subject<S> subject = {network_, pass_, rule_->feedback_parameters(), {}};
    ComputeMetrics(subject, case_.metric_damping, [&](const std::string& name, double value) {
      Put(absl::StrCat(prefix, "metric/", name), ScalarTensor(value));
    });
  }

  void PutGradients(const std::string& prefix, Parameters parameters) {
    for (const Parameter<S>& parameter : parameters) {
      if (parameter.is_fixed) continue;
      Put(absl::StrCat(prefix, "grad/", parameter.name), InShape(parameter, parameter.gradient));
    }
  }

  void PutValues(const std::string& prefix, Parameters parameters) {
    for (const Parameter<S>& parameter : parameters) {
      Put(absl::StrCat(prefix, "after/", parameter.name), InShape(parameter, parameter.value));
    }
  }

  void Put(const std::string& name, Tensor tensor) { computed_.tensors[name] = std::move(tensor); }

  const GoldenCase& case_;
  const SafetensorsFile& recorded_;
  Network<S> network_;
  std::unique_ptr<LearningRule<S>> rule_;
  std::unique_ptr<LearningRule<S>> first_rule_;  // of an inversion case's first step
  std::vector<Parameter<S>> cancelled_biases_;
  std::optional<Optimiser<S>> forward_, feedback_, cancelled_;
  Pass<S> pass_;
  SafetensorsFile computed_;
};

}  // namespace

template <class S>
absl::StatusOr<SafetensorsFile> Replay(const GoldenCase& golden_case,
                                       const SafetensorsFile& recorded) {
  return Replayer<S>(golden_case, recorded).Run();
}

template absl::StatusOr<SafetensorsFile> Replay<float>(const GoldenCase&, const SafetensorsFile&);
template absl::StatusOr<SafetensorsFile> Replay<double>(const GoldenCase&, const SafetensorsFile&);

}  // namespace tpsweep::trainer
