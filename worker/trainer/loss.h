// The training losses: means over the mini-batch.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

struct LossValue {
  // Mean over the mini-batch; for mse, over the targets too.
  double loss = 0;
  // Samples whose largest output with a target (the first of equals) is not where the largest
  // target is.
  int64_t num_misclassified = 0;
};

// Target rows: `height` at the label, 0 elsewhere. y is (targets, B), B labels.
template <class S>
void FillOneHot(absl::Span<const int> labels, double height, Matrix<S>& y);

// The loss of outputs h (n_L, B) against targets y (targets, B) of the first of them; the
// others are auxiliary and have no error. If `output_error` is not null it becomes
// e = d loss / d h (n_L, B), which holds the 1/B of the mean.
//   cross_entropy: h are logits; -sum_j y_j log softmax(h)_j
//   mse:           squared error, mean over mini-batch and targets
//   half_squares:  half the squared error, summed over targets
template <class S>
LossValue EvaluateLoss(v1::Loss kind, const Matrix<S>& h, const Matrix<S>& y,
                       Matrix<S>* output_error);

// Whether column b is one of the misclassified.
template <class S>
bool IsMisclassified(const Matrix<S>& h, const Matrix<S>& y, Index b);

}  // namespace tpsweep::trainer
