// A TrainingRun in one precision.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/trainer/data/safetensors.h"
#include "worker/trainer/data/split.h"
#include "worker/trainer/learning_rule.h"
#include "worker/trainer/measure/damping_search.h"
#include "worker/trainer/measure/measurer.h"
#include "worker/trainer/network.h"
#include "worker/trainer/noise.h"
#include "worker/trainer/optimiser.h"
#include "worker/trainer/run/batches.h"
#include "worker/trainer/run/epoch_statistics.h"
#include "worker/trainer/run/schedule.h"
#include "worker/trainer/run/selection.h"
#include "worker/trainer/run/training_run.h"

namespace tpsweep::trainer {

template <class S>
class TypedRun final : public TrainingRun {
 public:
  static absl::StatusOr<std::unique_ptr<TrainingRun>> Create(const v1::TrainingSpec& spec,
                                                             std::shared_ptr<const DataSet> data);

  Result Train(const std::function<void(const v1::Measurement&)>& report,
               const std::function<bool()>& stop, const std::function<void()>& epoch_done,
               const std::function<int()>& threads) override;
  std::string Checkpoint() const override;
  absl::Status Restore(absl::string_view checkpoint) override;
  absl::Status Inherit(absl::string_view checkpoint) override;

 private:
  // Why a run cannot go on: which layer, what, at which step.
  using Divergence = std::optional<std::string>;

  TypedRun(const v1::TrainingSpec& spec, std::shared_ptr<const DataSet> data, Split split,
           Network<S> network, std::unique_ptr<LearningRule<S>> rule, Optimiser<S> forward,
           Optimiser<S> feedback, bool learns_feedback);

  // Takes the state of a file that is meant for this run.
  absl::Status TakeState(const SafetensorsFile& file);

  // One mini-batch, from position_ to the next.
  Divergence Advance();
  Divergence BeginStep();
  Divergence FinishStep();
  // One feedback update from the forward pass in pass_. The losses of the paths
  // are left in feedback_losses_.
  Divergence TrainFeedback();
  // Zero gradients for the feedback parameters of all paths but one.
  void KeepOneRandomPath();

  // For what is measured of an epoch's last mini-batch.
  bool IsLastStepOfEpoch() const { return position_.batch + 1 == schedule_.batches_per_pass(); }

  // Gathers batch `number` of the pass over the training set that `key` shuffles.
  void GatherShuffled(uint64_t key, int64_t number);

  // The forward pass of the mini-batch, whose inputs go over to pass_.
  void ForwardBatch();

  Divergence CheckLoss(double loss) const;
  // That no step can be made from the gradient of `parameter`.
  Divergence NoStep(const Parameter<S>& parameter) const;
  Divergence CheckParameters() const;
  std::string Where() const;  // "at step 17 (epoch 1)"

  // Of the epoch that has just ended, which selection_ then knows of.
  v1::Measurement Measure();
  // Why a run that measured this does not go on.
  Divergence CheckHope(const v1::Measurement& measurement) const;

  // What measure of the spec asks for, on the mini-batch whose update has just been
  // computed. Off the training path.
  void MeasureStep();
  // Of the epoch that is running; null if no search runs in it.
  DampingSearch* CurrentSearch();

  // Goes through the tensors of the state (state_file.h): parameters, moments and,
  // within a step, the gradients that wait to be applied.
  template <class Self, class Visitor>
  static void VisitTensors(Self& self, bool is_within_step, Visitor& visit);

  const v1::TrainingSpec spec_;
  const std::shared_ptr<const DataSet> data_;
  const Split split_;
  const Batches<S> batches_;
  const Schedule schedule_;
  const bool learns_feedback_;
  Measurer<S> measurer_;

  // The state.
  Network<S> network_;
  std::unique_ptr<LearningRule<S>> rule_;
  Optimiser<S> forward_;
  Optimiser<S> feedback_;
  Position position_;
  EpochStatistics statistics_;
  Selection selection_;
  std::optional<DampingSearch> search_;  // if the spec asks for one

  // Waits to be reported, and what it took.
  std::optional<v1::Measurement> step_measurement_;
  double measuring_seconds_ = 0;

  // What a mini-batch works in.
  Batch<S> batch_;
  Pass<S> pass_;
  CounterNoise<S> noise_;
  CounterNoise<S> measuring_noise_;  // where the training has no feedback losses to show
  std::vector<double> feedback_losses_;
  uint64_t order_key_ = 0;
  std::vector<int32_t> order_;  // split_.train, shuffled by order_key_
};

}  // namespace tpsweep::trainer
