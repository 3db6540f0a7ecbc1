// What an epoch's measurement is made of, gathered while it runs. Part of the
// state of a run, because a run may stop within an epoch.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace tpsweep::trainer {

struct EpochStatistics {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  explicit EpochStatistics(int num_layers)
      : feedback_loss_sum(static_cast<size_t>(num_layers), kNone),
        target_norm(static_cast<size_t>(num_layers), kNone),
        update_norm(static_cast<size_t>(num_layers), kNone) {}

  double seconds = 0;
  // Sums over the samples trained on, each before the update from its batch.
  double loss_sum = 0;
  int64_t num_misclassified = 0;
  double batch_error_sum = 0;  // over mini-batches, of the fraction misclassified in each

  // One entry a layer; kNone where the rule has no such thing.
  std::vector<double> feedback_loss_sum;  // as loss_sum, by the layer reconstructed
  std::vector<double> target_norm;  // last mini-batch: root mean square over samples of |T[l]|
  std::vector<double> update_norm;  // last step: Frobenius norm of the change of W[l]
};

// In the order of a checkpoint.
template <class Statistics, class Visitor>
void VisitStatistics(Statistics& statistics, Visitor& visit) {
  visit("statistics/seconds", statistics.seconds);
  visit("statistics/loss_sum", statistics.loss_sum);
  visit("statistics/num_misclassified", statistics.num_misclassified);
  visit("statistics/batch_error_sum", statistics.batch_error_sum);
  visit("statistics/feedback_loss_sum", statistics.feedback_loss_sum);
  visit("statistics/target_norm", statistics.target_norm);
  visit("statistics/update_norm", statistics.update_norm);
}

}  // namespace tpsweep::trainer
