#include "worker/trainer/run/schedule.h"

namespace tpsweep::trainer {

Schedule::Schedule(const v1::TrainingSpec& spec, bool learns_feedback, int64_t num_train)
    : batches_per_pass_((num_train + spec.batch_size() - 1) / spec.batch_size()),
      learns_feedback_(learns_feedback) {
  if (!learns_feedback) return;
  pretraining_passes_ = spec.feedback_schedule().pretraining_epochs();
  is_separate_ = spec.feedback_schedule().separate();
  extra_minibatches_ = is_separate_ ? 0 : spec.feedback_schedule().extra_minibatches();
  extra_passes_ = spec.feedback_schedule().extra_epochs();
}

Position Schedule::Start() const {
  Position start;
  start.phase = pretraining_passes_ > 0 ? Phase::kPretraining : FirstPhase();
  return start;
}

bool Schedule::IsLegal(const Position& at) const {
  if (at.epoch < 0 || at.batch < 0 || at.batch >= batches_per_pass_ || at.pass < 0) return false;
  switch (at.phase) {
    case Phase::kPretraining:
      return at.epoch == 0 && at.pass < pretraining_passes_ && at.extra == -1;
    case Phase::kTraining:
      return at.pass == 0 && at.extra >= -1 && at.extra < extra_minibatches_;
    case Phase::kExtraPasses:
      return at.pass < extra_passes_ && at.extra == -1;
    case Phase::kSeparatePass:
      return is_separate_ && at.pass == 0 && at.extra == -1;
  }
  return false;
}

bool Schedule::IsBetweenEpochs(const Position& at) const {
  const Phase first = at.epoch == 0 ? Start().phase : FirstPhase();
  return at.phase == first && at.pass == 0 && at.batch == 0 && !at.is_within_step();
}

int64_t Schedule::Steps(const Position& at) const {
  const int64_t before = at.epoch * batches_per_pass_;
  if (at.phase == Phase::kTraining) return before + at.batch;
  return at.phase == Phase::kExtraPasses ? before + batches_per_pass_ : before;
}

int64_t Schedule::FeedbackSteps(const Position& at) const {
  if (!learns_feedback_) return 0;
  int64_t steps = FeedbackPass(at) * batches_per_pass_;
  if (!is_separate_) steps += Steps(at) * (1 + extra_minibatches_);
  if (at.phase != Phase::kTraining) steps += at.batch;
  if (at.is_within_step()) steps += 1 + at.extra;
  return steps;
}

int64_t Schedule::FeedbackPass(const Position& at) const {
  if (at.phase == Phase::kPretraining) return at.pass;
  const int64_t before = pretraining_passes_ + at.epoch * (extra_passes_ + (is_separate_ ? 1 : 0));
  const bool is_after_first = is_separate_ && at.phase != Phase::kSeparatePass;
  return before + (is_after_first ? 1 : 0) + at.pass;
}

void Schedule::FinishBatch(Position& at) const {
  at.extra = -1;
  if (++at.batch < batches_per_pass_) return;
  at.batch = 0;
  bool is_epoch_over = false;
  switch (at.phase) {
    case Phase::kPretraining:
      if (++at.pass == pretraining_passes_) {
        at.pass = 0;
        at.phase = FirstPhase();
      }
      break;
    case Phase::kSeparatePass:
      at.phase = Phase::kTraining;
      break;
    case Phase::kTraining:
      is_epoch_over = extra_passes_ == 0;
      at.phase = Phase::kExtraPasses;
      break;
    case Phase::kExtraPasses:
      is_epoch_over = ++at.pass == extra_passes_;
      break;
  }
  if (is_epoch_over) {
    const int64_t finished = at.epoch + 1;
    at = Position();
    at.epoch = finished;
    at.phase = FirstPhase();
  }
}

}  // namespace tpsweep::trainer
