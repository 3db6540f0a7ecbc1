#include "worker/trainer/run/evaluation.h"

#include "worker/trainer/loss.h"

namespace tpsweep::trainer {

template <class S>
Evaluation Evaluate(const Network<S>& network, v1::Loss loss, const Batches<S>& batches,
                    const Samples& samples, absl::Span<const int32_t> indices) {
  constexpr size_t kBatch = 256;
  Batch<S> batch;
  Pass<S> pass;
  double loss_sum = 0;
  int64_t num_misclassified = 0;
  for (size_t begin = 0; begin < indices.size(); begin += kBatch) {
    const auto part = indices.subspan(begin, kBatch);
    batches.Gather(samples, part, batch);
    network.Forward(batch.x, pass);
    const LossValue value = EvaluateLoss<S>(loss, pass.h.back(), batch.y, nullptr);
    loss_sum += value.loss * static_cast<double>(part.size());
    num_misclassified += value.num_misclassified;
  }
  const auto count = static_cast<double>(indices.size());
  return {loss_sum / count, static_cast<double>(num_misclassified) / count};
}

template Evaluation Evaluate<float>(const Network<float>&, v1::Loss, const Batches<float>&,
                                    const Samples&, absl::Span<const int32_t>);
template Evaluation Evaluate<double>(const Network<double>&, v1::Loss, const Batches<double>&,
                                     const Samples&, absl::Span<const int32_t>);

}  // namespace tpsweep::trainer
