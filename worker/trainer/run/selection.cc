#include "worker/trainer/run/selection.h"

#include <cmath>

namespace tpsweep::trainer {
namespace {

// kNone is beaten by any number, and beats none.
bool IsBelow(double value, double least) {
  return value < least || (std::isnan(least) && !std::isnan(value));
}

void Lower(double value, double& least) {
  if (IsBelow(value, least)) least = value;
}

}  // namespace

void Selection::Add(int64_t number, const EpochScores& scores) {
  const auto error = [&](const Evaluation& of) { return scores.has_errors ? of.error : kNone; };
  Lower(scores.train.loss, best_train_loss);
  Lower(error(scores.train), best_train_error);
  if (scores.test) Lower(error(*scores.test), best_test_error);

  if (!scores.validation) return;
  const bool is_better = scores.has_errors ? IsBelow(scores.validation->error, validation_error)
                                           : IsBelow(scores.validation->loss, validation_loss);
  if (!is_better) return;
  epoch = number;
  train_loss = scores.train.loss;
  train_error = error(scores.train);
  validation_loss = scores.validation->loss;
  validation_error = error(*scores.validation);
  test_loss = scores.test ? scores.test->loss : kNone;
  test_error = scores.test ? error(*scores.test) : kNone;
}

}  // namespace tpsweep::trainer
