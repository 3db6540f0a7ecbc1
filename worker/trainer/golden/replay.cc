#include "worker/trainer/golden/replay.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/trainer/golden/metrics.h"
#include "worker/trainer/learning_rule.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/network.h"
#include "worker/trainer/optimiser.h"

namespace tpsweep::trainer {
namespace {

// Recorded draws. The first one that is missing or of another shape stays as status().
class RecordedNoise final : public NoiseSource<double> {
 public:
  RecordedNoise(const SafetensorsFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}

  void Fill(int layer, MatrixRef<double> out) override {
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
    out = *draws;
  }

  const absl::Status& status() const { return status_; }

 private:
  const SafetensorsFile& file_;
  const std::string prefix_;
  absl::Status status_;
};

class Replayer {
 public:
  Replayer(const GoldenCase& golden_case, const SafetensorsFile& recorded)
      : case_(golden_case),
        recorded_(recorded),
        network_(golden_case.spec.network(), golden_case.sizes, golden_case.layers_without_bias, 0),
        rule_(MakeRule<double>(golden_case.spec, network_, 0)) {}

  absl::StatusOr<SafetensorsFile> Run() {
    computed_.metadata = recorded_.metadata;
    TP_RETURN_IF_ERROR(LoadParameters(network_.parameters()));
    TP_RETURN_IF_ERROR(LoadParameters(rule_->feedback_parameters()));
    TP_RETURN_IF_ERROR(LoadCancelledBiases());
    TP_RETURN_IF_ERROR(MakeOptimisers());
    for (int k = 0; k < case_.num_feedback_steps; ++k) {
      const std::string prefix = absl::StrCat("pre", k, "/");
      TP_RETURN_IF_ERROR(Forward(prefix));
      TP_RETURN_IF_ERROR(FeedbackStep(prefix));
    }
    for (int k = 0; k < case_.num_steps; ++k) {
      TP_RETURN_IF_ERROR(Step(absl::StrCat("step", k, "/")));
    }
    return std::move(computed_);
  }

 private:
  using Parameters = absl::Span<Parameter<double>>;

  absl::Status LoadParameters(Parameters parameters) {
    for (Parameter<double>& parameter : parameters) {
      const bool is_vector = parameter.name[0] == 'b' || parameter.name[0] == 'd';
      TP_ASSIGN_OR_RETURN(parameter.value,
                          ParameterOf(recorded_, absl::StrCat("init/", parameter.name),
                                      parameter.value.rows(), parameter.value.cols(), is_vector));
    }
    return absl::OkStatus();
  }

  // The authors' ddtp_linear has feedback biases, which cancel: they enter nothing and
  // get a gradient of zero, but their weight decay moves them. The rule has none.
  absl::Status LoadCancelledBiases() {
    if (!case_.spec.has_ddtp_linear()) return absl::OkStatus();
    for (int i = 1; i < network_.num_layers(); ++i) {
      const std::string name = absl::StrCat("d", i);
      if (!recorded_.tensors.contains(absl::StrCat("init/", name))) continue;
      cancelled_biases_.push_back(
          MakeParameter<double>(name, i, Matrix<double>::Zero(network_.size(i), 1)));
    }
    return LoadParameters(absl::MakeSpan(cancelled_biases_));
  }

  absl::Status MakeOptimisers() {
    const auto make = [this](const v1::Optimiser& spec, absl::Span<const Parameter<double>> of,
                             double lr_divisor, absl::Span<const int> trained_layers) {
      return Optimiser<double>::Create(spec, of, network_.num_layers(), lr_divisor, trained_layers);
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
    network_.Forward(x, pass_);
    return absl::OkStatus();
  }

  absl::Status Step(const std::string& prefix) {
    TP_RETURN_IF_ERROR(Forward(prefix));
    for (int l = 1; l <= network_.num_layers(); ++l) {
      Put(absl::StrCat(prefix, "a", l), SamplesTensor(pass_.a[static_cast<size_t>(l)]));
      Put(absl::StrCat(prefix, "h", l), SamplesTensor(pass_.h[static_cast<size_t>(l)]));
    }
    TP_RETURN_IF_ERROR(EvaluateLossOf(prefix));
    rule_->ComputeUpdate(network_, pass_);
    for (size_t l = 1; l < pass_.target.size(); ++l) {
      Put(absl::StrCat(prefix, "target", l), SamplesTensor(pass_.target[l]));
    }
    PutGradients(prefix, network_.parameters());
    TP_RETURN_IF_ERROR(FeedbackStep(prefix));
    PutMetrics(prefix);
    if (!case_.forward_frozen) forward_->Step(network_.parameters());
    PutValues(prefix, network_.parameters());
    return absl::OkStatus();
  }

  absl::Status EvaluateLossOf(const std::string& prefix) {
    const Index num_outputs = network_.size(network_.num_layers());
    const std::string name = absl::StrCat(prefix, "y");
    TP_ASSIGN_OR_RETURN(const Matrix<double> y, SamplesOf(recorded_, name, num_outputs));
    const Matrix<double>& h = pass_.h.back();
    if (y.cols() != h.cols()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name, "' has ", y.cols(), " rows, the mini-batch ", h.cols()));
    }
    const LossValue value = EvaluateLoss(case_.spec.loss(), h, y, &pass_.output_error);
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
      RecordedNoise noise(recorded_, prefix);
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

  void PutMetrics(const std::string& prefix) {
    if (case_.spec.has_bp()) return;  // none is recorded
    const Subject<double> subject = {network_, pass_, rule_->feedback_parameters(), {}};
    ComputeMetrics(subject, case_.metric_damping, [&](const std::string& name, double value) {
      Put(absl::StrCat(prefix, "metric/", name), ScalarTensor(value));
    });
  }

  void PutGradients(const std::string& prefix, Parameters parameters) {
    for (const Parameter<double>& parameter : parameters) {
      Put(absl::StrCat(prefix, "grad/", parameter.name),
          ParameterTensor(parameter, parameter.gradient));
    }
  }

  void PutValues(const std::string& prefix, Parameters parameters) {
    for (const Parameter<double>& parameter : parameters) {
      Put(absl::StrCat(prefix, "after/", parameter.name),
          ParameterTensor(parameter, parameter.value));
    }
  }

  void Put(const std::string& name, Tensor tensor) { computed_.tensors[name] = std::move(tensor); }

  const GoldenCase& case_;
  const SafetensorsFile& recorded_;
  Network<double> network_;
  std::unique_ptr<LearningRule<double>> rule_;
  std::vector<Parameter<double>> cancelled_biases_;
  std::optional<Optimiser<double>> forward_, feedback_, cancelled_;
  Pass<double> pass_;
  SafetensorsFile computed_;
};

}  // namespace

absl::StatusOr<SafetensorsFile> Replay(const GoldenCase& golden_case,
                                       const SafetensorsFile& recorded) {
  return Replayer(golden_case, recorded).Run();
}

}  // namespace tpsweep::trainer
