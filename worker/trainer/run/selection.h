// Which epoch of a run is reported: the first of those with the smallest validation
// error, as [TF] does. Part of the state of a run.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "worker/trainer/run/evaluation.h"

namespace tpsweep::trainer {

// What one epoch came to. Without classes (`has_errors` is false) only losses count.
struct EpochScores {
  bool has_errors = true;
  Evaluation train;  // running values, each mini-batch before its update
  std::optional<Evaluation> validation, test;
};

struct Selection {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  // The epoch with the smallest validation error, or without classes validation
  // loss, so far; 0 if there is no validation set.
  int64_t epoch = 0;
  // Of that epoch; kNone where it has no such thing.
  double train_loss = kNone, validation_loss = kNone, test_loss = kNone;
  double train_error = kNone, validation_error = kNone, test_error = kNone;

  // The smallest so far, each at an epoch of its own.
  double best_train_loss = kNone, best_train_error = kNone, best_test_error = kNone;

  void Add(int64_t number, const EpochScores& scores);
};

// In the order of a checkpoint.
template <class At, class Visitor>
void VisitSelection(At& at, Visitor& visit) {
  visit("selection/epoch", at.epoch);
  visit("selection/train_loss", at.train_loss);
  visit("selection/validation_loss", at.validation_loss);
  visit("selection/test_loss", at.test_loss);
  visit("selection/train_error", at.train_error);
  visit("selection/validation_error", at.validation_error);
  visit("selection/test_error", at.test_error);
  visit("selection/best_train_loss", at.best_train_loss);
  visit("selection/best_train_error", at.best_train_error);
  visit("selection/best_test_error", at.best_test_error);
}

}  // namespace tpsweep::trainer
