#include "worker/trainer/run/evaluation.h"

#include <algorithm>

#include "worker/trainer/loss.h"

namespace tpsweep::trainer {
namespace {

// Counts errors in mini-batches of a size of its own, whatever the passes are cut into.
class BatchErrors {
 public:
  BatchErrors(int64_t batch_size, int64_t num_samples)
      : batch_size_(std::min(batch_size, num_samples)), num_left_(num_samples) {}

  void Add(bool is_misclassified) {
    in_batch_ += is_misclassified ? 1 : 0;
    const int64_t size = std::min(batch_size_, num_left_);
    if (++seen_ < size) return;
    sum_ += static_cast<double>(in_batch_) / static_cast<double>(size);
    ++num_batches_;
    num_left_ -= size;
    seen_ = in_batch_ = 0;
  }

  double Mean() const { return sum_ / static_cast<double>(num_batches_); }

 private:
  const int64_t batch_size_;
  int64_t num_left_;  // samples of this mini-batch and those after it
  int64_t seen_ = 0, in_batch_ = 0, num_batches_ = 0;
  double sum_ = 0;
};

}  // namespace

template <class S>
Evaluation Evaluate(const Network<S>& network, v1::Loss loss, const Batches<S>& batches,
                    int64_t batch_size, const Samples& samples, absl::Span<const int32_t> indices) {
  constexpr size_t kChunk = 256;
  Batch<S> batch;
  Pass<S> pass;
  pass.h.resize(1);
  double loss_sum = 0;
  int64_t num_misclassified = 0;
  BatchErrors batch_errors(batch_size, static_cast<int64_t>(indices.size()));
  for (size_t begin = 0; begin < indices.size(); begin += kChunk) {
    const auto part = indices.subspan(begin, kChunk);
    batches.Gather(samples, part, batch);
    pass.h[0].swap(batch.x);
    network.Forward(pass);
    const Matrix<S>& h = pass.h.back();
    const LossValue value = EvaluateLoss<S>(loss, h, batch.y, nullptr);
    loss_sum += value.loss * static_cast<double>(part.size());
    num_misclassified += value.num_misclassified;
    for (Index b = 0; b < h.cols(); ++b) batch_errors.Add(IsMisclassified(h, batch.y, b));
  }
  const auto count = static_cast<double>(indices.size());
  return {loss_sum / count, static_cast<double>(num_misclassified) / count, batch_errors.Mean()};
}

template Evaluation Evaluate<float>(const Network<float>&, v1::Loss, const Batches<float>&, int64_t,
                                    const Samples&, absl::Span<const int32_t>);
template Evaluation Evaluate<double>(const Network<double>&, v1::Loss, const Batches<double>&,
                                     int64_t, const Samples&, absl::Span<const int32_t>);

}  // namespace tpsweep::trainer
