// Which mini-batch comes next: the order of forward and feedback training.
//
//   pretraining:   feedback-only passes over the training set, before epoch 1
//   each epoch:    one training pass; after the feedback step of each of its
//                  mini-batches, extra mini-batches for the feedback alone
//                  then extra feedback-only passes
//   each epoch, separate: a feedback-only pass, a training pass without feedback
//                  steps, then extra feedback-only passes
//
// Everything that counts, and with it every random number, follows from the
// Position, so that is all a checkpoint needs to know.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tpsweep/v1/training.pb.h"

namespace tpsweep::trainer {

enum class Phase : int64_t {
  kPretraining = 0,
  kTraining = 1,
  kExtraPasses = 2,
  kSeparatePass = 3,  // at the beginning of an epoch
};

struct Position {
  int64_t epoch = 0;  // finished epochs
  Phase phase = Phase::kTraining;
  int64_t pass = 0;   // of a feedback-only phase, counted from 0
  int64_t batch = 0;  // of the pass, the one to be done next
  // Extra mini-batches done within the step of `batch`; -1 between steps.
  int64_t extra = -1;

  bool is_within_step() const { return extra >= 0; }
};

// In the order of a checkpoint.
template <class At, class Visitor>
void VisitPosition(At& at, Visitor& visit) {
  auto phase = static_cast<int64_t>(at.phase);
  visit("position/epoch", at.epoch);
  visit("position/phase", phase);
  visit("position/pass", at.pass);
  visit("position/batch", at.batch);
  visit("position/extra", at.extra);
  if constexpr (!std::is_const_v<At>) at.phase = static_cast<Phase>(phase);
}

class Schedule {
 public:
  // Without `learns_feedback` there are training passes only.
  Schedule(const v1::TrainingSpec& spec, bool learns_feedback, int64_t num_train);

  Position Start() const;
  // Whether a run can ever be there.
  bool IsLegal(const Position& at) const;

  // Whether `at` is where an epoch has just ended, or the run begins.
  bool IsBetweenEpochs(const Position& at) const;

  // Forward updates, or feedback updates, made before `at`.
  int64_t Steps(const Position& at) const;
  int64_t FeedbackSteps(const Position& at) const;

  // Feedback-only passes done before `at`: the number of the one that it is in, if any.
  int64_t FeedbackPass(const Position& at) const;

  // From the end of a mini-batch to the next. Counts the epoch if it was its last.
  void FinishBatch(Position& at) const;

  int64_t batches_per_pass() const { return batches_per_pass_; }
  // Whether a training step begins with a feedback step.
  bool has_feedback_within_steps() const { return learns_feedback_ && !is_separate_; }
  int64_t extra_minibatches() const { return extra_minibatches_; }

 private:
  // Where an epoch begins.
  Phase FirstPhase() const { return is_separate_ ? Phase::kSeparatePass : Phase::kTraining; }

  int64_t batches_per_pass_;
  bool learns_feedback_;
  bool is_separate_ = false;
  int64_t pretraining_passes_ = 0;
  int64_t extra_minibatches_ = 0;
  int64_t extra_passes_ = 0;
};

}  // namespace tpsweep::trainer
