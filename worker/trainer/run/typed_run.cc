#include "worker/trainer/run/typed_run.h"

#include <cmath>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/status_macros.h"
#include "common/training/invertible_layers.h"
#include "common/training/measure_memory.h"
#include "worker/trainer/elementwise.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/measure/vectors.h"
#include "worker/trainer/orthogonality.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/run/epoch_measurement.h"
#include "worker/trainer/run/evaluation.h"
#include "worker/trainer/run/state_file.h"

namespace tpsweep::trainer {
namespace {

int NumThreads(const v1::TrainingSpec& spec, const std::function<int()>& threads) {
  if (spec.threads_per_run() > 0) return spec.threads_per_run();
  return threads ? threads() : static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

template <class S>
absl::StatusOr<std::unique_ptr<TrainingRun>> TypedRun<S>::Create(
    const v1::TrainingSpec& spec, std::shared_ptr<const DataSet> data) {
  TP_ASSIGN_OR_RETURN(Split split, MakeSplit(spec.dataset(), *data, spec.seed()));
  TP_ASSIGN_OR_RETURN(std::vector<LayerShape> shapes,
                      InferShapes(spec.network(), data->shape, NumTargets(spec, *data)));
  TP_RETURN_IF_ERROR(CheckMeasureMemory(spec, shapes));
  TP_RETURN_IF_ERROR(CheckInvertibleLayers(spec, shapes));
  const int num_layers = static_cast<int>(shapes.size()) - 1;

  Network<S> network(spec.network(), std::move(shapes),
                     RuleOf(spec).layers_without_bias(spec, num_layers),
                     DeriveSeed(spec.seed(), "initialisation"));
  std::unique_ptr<LearningRule<S>> rule =
      MakeRule<S>(spec, network, DeriveSeed(spec.seed(), "feedback initialisation"));
  const std::vector<int> trained_layers(spec.trained_layers().begin(), spec.trained_layers().end());
  TP_ASSIGN_OR_RETURN(
      Optimiser<S> forward,
      Optimiser<S>::Create(spec.forward(), std::as_const(network).parameters(), num_layers,
                           spec.normalize_lr() ? rule->target_stepsize() : 1.0, trained_layers));
  TP_ASSIGN_OR_RETURN(Optimiser<S> feedback,
                      Optimiser<S>::Create(spec.feedback(), rule->feedback_parameters(), num_layers,
                                           /*lr_divisor=*/1.0, /*trained_layers=*/{}));
  const bool has_trained_path =
      absl::c_any_of(rule->feedback_parameters(),
                     [](const Parameter<S>& parameter) { return !parameter.is_fixed; });
  const bool learns_feedback = has_trained_path && !spec.feedback_schedule().frozen();
  return std::unique_ptr<TrainingRun>(
      new TypedRun(spec, std::move(data), std::move(split), std::move(network), std::move(rule),
                   std::move(forward), std::move(feedback), learns_feedback));
}

template <class S>
TypedRun<S>::TypedRun(const v1::TrainingSpec& spec, std::shared_ptr<const DataSet> data,
                      Split split, Network<S> network, std::unique_ptr<LearningRule<S>> rule,
                      Optimiser<S> forward, Optimiser<S> feedback, bool learns_feedback)
    : spec_(spec),
      data_(std::move(data)),
      split_(std::move(split)),
      batches_(spec, *data_),
      schedule_(spec, learns_feedback, static_cast<int64_t>(split_.train.size())),
      learns_feedback_(learns_feedback),
      measurer_(spec.measure(), network.num_layers()),
      network_(std::move(network)),
      rule_(std::move(rule)),
      forward_(std::move(forward)),
      feedback_(std::move(feedback)),
      position_(schedule_.Start()),
      statistics_(network_.num_layers()),
      noise_(DeriveSeed(spec.seed(), "noise")),
      measuring_noise_(DeriveSeed(spec.seed(), "measuring noise")) {
  if (measurer_.Asks(v1::QUANTITY_DAMPING_SEARCH)) search_.emplace(network_.num_layers() - 1);
}

template <class S>
TrainingRun::Result TypedRun<S>::Train(const std::function<void(const v1::Measurement&)>& report,
                                       const std::function<bool()>& stop,
                                       const std::function<void()>& epoch_done,
                                       const std::function<int()>& threads) {
  const ScopedFlushDenormals flush_denormals;
  Clock& clock = Clock::Real();
  const absl::Duration start = clock.Elapsed();
  absl::Duration mark = start;
  while (position_.epoch < spec_.epochs()) {
    const ScopedThreads scope(NumThreads(spec_, threads));
    if (stop()) return {End::kStopped, absl::StrCat("stopped before the mini-batch ", Where())};
    const int64_t epoch = position_.epoch;
    Divergence divergence = Advance();
    const absl::Duration now = clock.Elapsed();
    statistics_.seconds += absl::ToDoubleSeconds(now - mark) - std::exchange(measuring_seconds_, 0);
    mark = now;
    if (step_measurement_) {
      step_measurement_->set_wall_seconds(absl::ToDoubleSeconds(now - start));
      report(*std::exchange(step_measurement_, std::nullopt));
    }
    const bool is_epoch_over = position_.epoch != epoch;
    if (is_epoch_over && !divergence) divergence = CheckParameters();
    if (divergence) return {End::kInfeasible, *std::move(divergence)};
    if (!is_epoch_over) continue;

    v1::Measurement measurement = Measure();
    measurement.set_wall_seconds(absl::ToDoubleSeconds(clock.Elapsed() - start));
    statistics_ = EpochStatistics(network_.num_layers());
    report(measurement);
    if (std::optional<std::string> why = CheckHope(measurement)) {
      return {End::kInfeasible, *std::move(why)};
    }
    if (epoch_done) epoch_done();
    mark = clock.Elapsed();
  }
  return {End::kCompleted, ""};
}

template <class S>
auto TypedRun<S>::Advance() -> Divergence {
  const uint64_t seed = spec_.seed();
  if (position_.phase != Phase::kTraining) {
    const auto pass = static_cast<uint64_t>(schedule_.FeedbackPass(position_));
    GatherShuffled(DeriveSeed(DeriveSeed(seed, "feedback shuffle"), pass), position_.batch);
    ForwardBatch();
    Divergence divergence = TrainFeedback();
    if (!divergence) schedule_.FinishBatch(position_);
    return divergence;
  }

  if (!position_.is_within_step()) {
    const auto epoch = static_cast<uint64_t>(position_.epoch);
    GatherShuffled(DeriveSeed(DeriveSeed(seed, "shuffle"), epoch), position_.batch);
    if (Divergence divergence = BeginStep()) return divergence;
    position_.extra = 0;
  } else {
    const int64_t number =
        schedule_.Steps(position_) * schedule_.extra_minibatches() + position_.extra;
    const auto pass = static_cast<uint64_t>(number / schedule_.batches_per_pass());
    GatherShuffled(DeriveSeed(DeriveSeed(seed, "extra shuffle"), pass),
                   number % schedule_.batches_per_pass());
    ForwardBatch();
    if (Divergence divergence = TrainFeedback()) return divergence;
    ++position_.extra;
  }
  return position_.extra == schedule_.extra_minibatches() ? FinishStep() : std::nullopt;
}

template <class S>
void TypedRun<S>::ForwardBatch() {
  pass_.h.resize(static_cast<size_t>(network_.num_layers()) + 1);
  pass_.h[0].swap(batch_.x);
  network_.Forward(pass_);
}

template <class S>
auto TypedRun<S>::BeginStep() -> Divergence {
  ForwardBatch();
  const LossValue value =
      EvaluateLoss<S>(spec_.loss(), pass_.h.back(), batch_.y, &pass_.output_error);
  if (Divergence divergence = CheckLoss(value.loss)) return divergence;
  const auto size = static_cast<double>(pass_.h[0].cols());
  statistics_.loss_sum += value.loss * size;
  statistics_.num_misclassified += value.num_misclassified;
  statistics_.batch_error_sum += static_cast<double>(value.num_misclassified) / size;

  rule_->ComputeUpdate(network_, pass_);
  if (std::string why = rule_->why_infeasible(); !why.empty()) {
    return absl::StrCat(why, " (", Where(), ")");
  }
  for (size_t l = 1; IsLastStepOfEpoch() && l < pass_.displacement.size(); ++l) {
    statistics_.target_norm[l - 1] = Norm<S>(pass_.target(l)) / std::sqrt(size);
  }
  if (schedule_.has_feedback_within_steps()) {
    if (Divergence divergence = TrainFeedback()) return divergence;
    for (size_t path = 0; path < feedback_losses_.size(); ++path) {
      double& sum = statistics_.feedback_loss_sum[path];
      sum = (std::isnan(sum) ? 0.0 : sum) + feedback_losses_[path] * size;
    }
  }
  if (measurer_.IsDue(schedule_.Steps(position_))) {
    for (const Parameter<S>& parameter : network_.parameters()) {
      if (!IsFinite<S>(parameter.gradient)) return NoStep(parameter);
    }
    MeasureStep();
  }
  if (spec_.orthogonality() > 0) AddOrthogonalityGradient(spec_.orthogonality(), network_);
  return std::nullopt;
}

template <class S>
DampingSearch* TypedRun<S>::CurrentSearch() {
  const bool is_now = position_.epoch + 1 == spec_.measure().damping_search_epoch();
  return search_ && is_now ? &*search_ : nullptr;
}

template <class S>
void TypedRun<S>::MeasureStep() {
  Clock& clock = Clock::Real();
  const absl::Duration start = clock.Elapsed();
  const int64_t step = schedule_.Steps(position_);
  if (measurer_.Asks(v1::QUANTITY_RECONSTRUCTION_LOSS) && !schedule_.has_feedback_within_steps()) {
    // Only the gradients of the feedback change, which are computed anew before a step.
    measuring_noise_.set_step(static_cast<uint64_t>(step));
    rule_->ComputeFeedbackUpdate(network_, pass_, measuring_noise_, feedback_losses_);
  }
  v1::Measurement measurement;
  measurer_.Measure({network_, pass_, rule_->feedback_parameters(), feedback_losses_},
                    CurrentSearch(), measurement);
  rule_->AddMeasurements(
      network_, pass_, [this](v1::Quantity quantity) { return measurer_.Asks(quantity); },
      measurement);
  if (measurer_.Reports()) {
    measurement.set_sequence(position_.epoch + measurer_.NumReportsBefore(step) + 1);
    measurement.set_step(step);
    measurement.set_epoch(position_.epoch);
    step_measurement_ = std::move(measurement);
  }
  measuring_seconds_ = absl::ToDoubleSeconds(clock.Elapsed() - start);
}

template <class S>
auto TypedRun<S>::TrainFeedback() -> Divergence {
  noise_.set_step(static_cast<uint64_t>(schedule_.FeedbackSteps(position_)));
  rule_->ComputeFeedbackUpdate(network_, pass_, noise_, feedback_losses_);
  for (size_t path = 0; path < feedback_losses_.size(); ++path) {
    if (!std::isfinite(feedback_losses_[path])) {
      return absl::StrCat("layer ", path + 1, ": the feedback loss is not finite (",
                          feedback_losses_[path], ") ", Where());
    }
  }
  if (spec_.feedback_schedule().one_random_path()) KeepOneRandomPath();
  const Parameter<S>* failed = feedback_.Step(rule_->feedback_parameters());
  return failed == nullptr ? std::nullopt : NoStep(*failed);
}

template <class S>
void TypedRun<S>::KeepOneRandomPath() {
  std::set<int> layers;  // one for each path
  for (const Parameter<S>& parameter : rule_->feedback_parameters()) layers.insert(parameter.layer);
  RandomStream random(DeriveSeed(DeriveSeed(spec_.seed(), "feedback path"),
                                 static_cast<uint64_t>(schedule_.FeedbackSteps(position_))));
  const int kept =
      *std::next(layers.begin(), static_cast<int64_t>(random.NextBelow(layers.size())));
  for (Parameter<S>& parameter : rule_->feedback_parameters()) {
    if (parameter.layer != kept) parameter.gradient.setZero();
  }
}

template <class S>
auto TypedRun<S>::FinishStep() -> Divergence {
  std::vector<Matrix<S>> before;
  for (int l = 1; IsLastStepOfEpoch() && l <= network_.num_layers(); ++l) {
    before.push_back(network_.weight(l).value);
  }
  if (const Parameter<S>* failed = forward_.Step(network_.parameters())) return NoStep(*failed);
  for (size_t i = 0; i < before.size(); ++i) {
    Subtract<S>(network_.weight(static_cast<int>(i) + 1).value, before[i], before[i]);
    statistics_.update_norm[i] = Norm<S>(before[i]);
  }
  schedule_.FinishBatch(position_);
  return std::nullopt;
}

template <class S>
void TypedRun<S>::GatherShuffled(uint64_t key, int64_t number) {
  if (order_.empty() || order_key_ != key) {
    if (spec_.shuffle()) {
      order_ = Permutation(static_cast<int64_t>(split_.train.size()), key);
      for (int32_t& index : order_) index = split_.train[static_cast<size_t>(index)];
    } else {
      order_ = split_.train;
      absl::c_sort(order_);
    }
    order_key_ = key;
  }
  const auto batch_size = static_cast<size_t>(spec_.batch_size());
  const auto part =
      absl::MakeConstSpan(order_).subspan(static_cast<size_t>(number) * batch_size, batch_size);
  batches_.Gather(data_->train, part, batch_);
}

template <class S>
auto TypedRun<S>::CheckLoss(double loss) const -> Divergence {
  if (std::isfinite(loss)) return std::nullopt;
  int layer = 1;
  while (layer < network_.num_layers() && IsFinite<S>(pass_.h[static_cast<size_t>(layer)])) ++layer;
  return absl::StrCat("layer ", layer, ": ",
                      layer < network_.num_layers() ? "the activity" : "the output or its loss",
                      " is not finite (loss ", loss, ") ", Where());
}

template <class S>
auto TypedRun<S>::NoStep(const Parameter<S>& parameter) const -> Divergence {
  return absl::StrCat("layer ", parameter.layer, ": the gradient of ", parameter.name,
                      " is not finite ", Where());
}

template <class S>
auto TypedRun<S>::CheckParameters() const -> Divergence {
  const auto check = [this](absl::Span<const Parameter<S>> parameters) -> Divergence {
    for (const Parameter<S>& parameter : parameters) {
      if (!IsFinite<S>(parameter.value)) {
        return absl::StrCat("layer ", parameter.layer, ": ", parameter.name,
                            " is not finite after step ", schedule_.Steps(position_), " (epoch ",
                            position_.epoch, ")");
      }
    }
    return std::nullopt;
  };
  if (Divergence divergence = check(network_.parameters())) return divergence;
  return check(rule_->feedback_parameters());
}

template <class S>
std::string TypedRun<S>::Where() const {
  const int64_t steps = schedule_.Steps(position_);
  switch (position_.phase) {
    case Phase::kTraining:
      return absl::StrCat("at step ", steps + 1, " (epoch ", position_.epoch + 1, ")");
    case Phase::kPretraining:
    case Phase::kExtraPasses:
    case Phase::kSeparatePass:
      break;
  }
  return absl::StrCat("in feedback-only pass ", schedule_.FeedbackPass(position_) + 1,
                      ", mini-batch ", position_.batch + 1, ", after step ", steps);
}

template <class S>
v1::Measurement TypedRun<S>::Measure() {
  const auto num_train = static_cast<int64_t>(split_.train.size());
  const auto evaluate = [this](const Samples& samples,
                               const std::vector<int32_t>& indices) -> std::optional<Evaluation> {
    if (indices.empty()) return std::nullopt;
    return Evaluate<S>(network_, spec_.loss(), batches_, spec_.batch_size(), samples, indices);
  };
  const EpochScores scores = {
      .has_errors = HasClasses(spec_, *data_),
      .train = TrainEvaluation(statistics_, num_train, schedule_.batches_per_pass()),
      .validation = evaluate(data_->train, split_.validation),
      .test = evaluate(data_->test, split_.test)};
  selection_.Add(position_.epoch, scores);

  v1::Measurement measurement = MeasureEpoch(network_, scores, selection_, statistics_, num_train);
  measurement.set_sequence(position_.epoch +
                           measurer_.NumReportsBefore(schedule_.Steps(position_)));
  measurement.set_step(schedule_.Steps(position_));
  measurement.set_epoch(position_.epoch);
  if (search_ && position_.epoch == spec_.measure().damping_search_epoch()) {
    search_->AddResults(measurement);
  }
  return measurement;
}

template <class S>
auto TypedRun<S>::CheckHope(const v1::Measurement& measurement) const -> Divergence {
  const v1::Hopeless& hopeless = spec_.hopeless();
  const auto error = measurement.scalars().find("train/error");
  if (hopeless.from_epoch() == 0 || measurement.epoch() < hopeless.from_epoch() ||
      error == measurement.scalars().end() || !(error->second > hopeless.max_train_error())) {
    return std::nullopt;
  }
  return absl::StrCat("hopeless: train/error ", error->second, " after epoch ", measurement.epoch(),
                      " is above hopeless.max_train_error ", hopeless.max_train_error());
}

template <class S>
template <class Self, class Visitor>
void TypedRun<S>::VisitTensors(Self& self, bool is_within_step, Visitor& visit) {
  for (auto& parameter : self.network_.parameters()) {
    visit(parameter.name, parameter.value);
    if (is_within_step) visit(absl::StrCat("gradient/", parameter.name), parameter.gradient);
  }
  for (auto& parameter : self.rule_->feedback_parameters()) visit(parameter.name, parameter.value);
  for (auto& moment : self.forward_.state())
    visit(absl::StrCat("forward/", moment.name), moment.value);
  for (auto& moment : self.feedback_.state()) {
    visit(absl::StrCat("feedback/", moment.name), moment.value);
  }
}

template <class S>
std::string TypedRun<S>::Checkpoint() const {
  SafetensorsFile file;
  WriteIdentity(spec_, data_->sha256, file);
  StateWriter writer(file);
  VisitPosition(position_, writer);
  VisitStatistics(statistics_, writer);
  VisitSelection(selection_, writer);
  if (search_) VisitDampingSearch(*search_, writer);
  VisitTensors(*this, position_.is_within_step(), writer);
  return SerializeSafetensors(file);
}

template <class S>
absl::Status TypedRun<S>::Restore(absl::string_view checkpoint) {
  TP_ASSIGN_OR_RETURN(const SafetensorsFile file, ParseSafetensors(checkpoint, "checkpoint"));
  TP_RETURN_IF_ERROR(CheckIdentity(file, spec_, data_->sha256));
  return TakeState(file);
}

template <class S>
absl::Status TypedRun<S>::Inherit(absl::string_view checkpoint) {
  TP_ASSIGN_OR_RETURN(const SafetensorsFile file, ParseSafetensors(checkpoint, "checkpoint"));
  TP_RETURN_IF_ERROR(CheckKinship(file, spec_, data_->sha256));
  return TakeState(file);
}

template <class S>
absl::Status TypedRun<S>::TakeState(const SafetensorsFile& file) {
  // Nothing of this run changes before everything is known to be good.
  StateChecker checker(file);
  StateReader reader(file);
  Position position;
  EpochStatistics statistics(network_.num_layers());
  Selection selection;
  VisitPosition(std::as_const(position), checker);
  VisitStatistics(std::as_const(statistics), checker);
  VisitSelection(std::as_const(selection), checker);
  std::optional<DampingSearch> search = search_;
  if (search) VisitDampingSearch(std::as_const(*search), checker);
  TP_RETURN_IF_ERROR(checker.status());
  VisitPosition(position, reader);
  VisitStatistics(statistics, reader);
  VisitSelection(selection, reader);
  if (search) VisitDampingSearch(*search, reader);
  VisitTensors(std::as_const(*this), position.is_within_step(), checker);
  TP_RETURN_IF_ERROR(checker.Finish());

  if (!schedule_.IsLegal(position)) {
    return absl::InvalidArgumentError("checkpoint: no run is ever at its position");
  }
  if (position.epoch + (schedule_.IsBetweenEpochs(position) ? 0 : 1) > spec_.epochs()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "checkpoint: it is beyond epochs: ", spec_.epochs(), " (", position.epoch, " are done)"));
  }
  if (!(statistics.seconds >= 0) || !std::isfinite(statistics.seconds) ||
      !std::isfinite(statistics.loss_sum) || !(statistics.batch_error_sum >= 0) ||
      statistics.num_misclassified < 0 ||
      statistics.num_misclassified > static_cast<int64_t>(split_.train.size())) {
    return absl::InvalidArgumentError("checkpoint: the statistics of its epoch are not legal");
  }
  if (selection.epoch < 0 || selection.epoch > position.epoch) {
    return absl::InvalidArgumentError(absl::StrCat("checkpoint: its selected epoch ",
                                                   selection.epoch, " is not one of the ",
                                                   position.epoch, " that are done"));
  }

  if (search && !search->IsLegal()) {
    return absl::InvalidArgumentError("checkpoint: the sums of its damping search are not legal");
  }

  position_ = position;
  statistics_ = std::move(statistics);
  selection_ = selection;
  search_ = std::move(search);
  VisitTensors(*this, position.is_within_step(), reader);
  forward_.set_num_steps(schedule_.Steps(position));
  feedback_.set_num_steps(schedule_.FeedbackSteps(position));
  return absl::OkStatus();
}

template class TypedRun<float>;
template class TypedRun<double>;

}  // namespace tpsweep::trainer
