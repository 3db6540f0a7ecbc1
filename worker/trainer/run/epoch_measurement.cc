#include "worker/trainer/run/epoch_measurement.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tpsweep::trainer {
namespace {

void SetScalar(v1::Measurement& measurement, const std::string& name, double value) {
  (*measurement.mutable_scalars())[name] = value;
}

// Nothing where there is nothing.
void SetIfAny(v1::Measurement& measurement, const char* name, double value) {
  if (!std::isnan(value)) SetScalar(measurement, name, value);
}

void SetVector(v1::Measurement& measurement, const char* name, const std::vector<double>& values) {
  auto& out = *(*measurement.mutable_vectors())[name].mutable_values();
  for (const double value : values) out.Add(value);
}

bool HasAny(const std::vector<double>& values) {
  for (const double value : values) {
    if (!std::isnan(value)) return true;
  }
  return false;
}

void SetScores(v1::Measurement& measurement, const EpochScores& scores) {
  const auto set = [&](const char* part, const Evaluation& value) {
    SetScalar(measurement, absl::StrCat(part, "/loss"), value.loss);
    if (!scores.has_errors) return;
    SetScalar(measurement, absl::StrCat(part, "/error"), value.error);
    SetScalar(measurement, absl::StrCat(part, "/error_batch_mean"), value.error_batch_mean);
  };
  set("train", scores.train);
  if (scores.validation) set("validation", *scores.validation);
  if (scores.test) set("test", *scores.test);
}

void SetSelection(v1::Measurement& measurement, const Selection& selection) {
  if (selection.epoch > 0) {
    SetScalar(measurement, "selected/epoch", static_cast<double>(selection.epoch));
  }
  SetIfAny(measurement, "selected/train_loss", selection.train_loss);
  SetIfAny(measurement, "selected/validation_loss", selection.validation_loss);
  SetIfAny(measurement, "selected/test_loss", selection.test_loss);
  SetIfAny(measurement, "selected/train_error", selection.train_error);
  SetIfAny(measurement, "selected/validation_error", selection.validation_error);
  SetIfAny(measurement, "selected/test_error", selection.test_error);
  SetIfAny(measurement, "best/train_loss", selection.best_train_loss);
  SetIfAny(measurement, "best/train_error", selection.best_train_error);
  SetIfAny(measurement, "best/test_error", selection.best_test_error);
}

void SetFeedbackLosses(v1::Measurement& measurement, const EpochStatistics& statistics,
                       double num_train) {
  if (!HasAny(statistics.feedback_loss_sum)) return;
  std::vector<double> losses = statistics.feedback_loss_sum;
  double sum = 0;
  int num_paths = 0;
  for (double& loss : losses) {
    loss /= num_train;
    if (std::isnan(loss)) continue;
    sum += loss;
    ++num_paths;
  }
  SetVector(measurement, "layer/feedback_loss", losses);
  SetScalar(measurement, "feedback/loss", sum / num_paths);
}

}  // namespace

Evaluation TrainEvaluation(const EpochStatistics& statistics, int64_t num_train,
                           int64_t num_batches) {
  return {statistics.loss_sum / static_cast<double>(num_train),
          static_cast<double>(statistics.num_misclassified) / static_cast<double>(num_train),
          statistics.batch_error_sum / static_cast<double>(num_batches)};
}

template <class S>
v1::Measurement MeasureEpoch(const Network<S>& network, const EpochScores& scores,
                             const Selection& selection, const EpochStatistics& statistics,
                             int64_t num_train) {
  v1::Measurement measurement;
  SetScores(measurement, scores);
  SetSelection(measurement, selection);
  SetScalar(measurement, "seconds", statistics.seconds);
  SetScalar(measurement, "samples_per_second", static_cast<double>(num_train) / statistics.seconds);

  std::vector<double> parameter_norm;
  for (int l = 1; l <= network.num_layers(); ++l) {
    parameter_norm.push_back(network.weight(l).value.template cast<double>().norm());
  }
  SetVector(measurement, "layer/parameter_norm", parameter_norm);
  SetVector(measurement, "layer/update_norm", statistics.update_norm);
  if (HasAny(statistics.target_norm)) {
    SetVector(measurement, "layer/target_norm", statistics.target_norm);
  }
  SetFeedbackLosses(measurement, statistics, static_cast<double>(num_train));
  return measurement;
}

template v1::Measurement MeasureEpoch(const Network<float>&, const EpochScores&, const Selection&,
                                      const EpochStatistics&, int64_t);
template v1::Measurement MeasureEpoch(const Network<double>&, const EpochScores&, const Selection&,
                                      const EpochStatistics&, int64_t);

}  // namespace tpsweep::trainer
