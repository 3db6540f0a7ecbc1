#include "worker/trainer/run/batches.h"

#include <algorithm>

#include "worker/trainer/loss.h"

namespace tpsweep::trainer {
namespace {

v1::Normalisation NormalisationOf(const v1::Dataset& spec) {
  if (spec.normalisation() != v1::NORMALISATION_PRESET) return spec.normalisation();
  return spec.name() == "mnist" ? v1::NORMALISATION_STANDARD : v1::NORMALISATION_UNIT;
}

double Normalised(v1::Normalisation normalisation, int byte) {
  const double unit = byte / 255.0;
  switch (normalisation) {
    case v1::NORMALISATION_STANDARD:
      return (unit - 0.1307) / 0.3081;
    case v1::NORMALISATION_SYMMETRIC:
      return (unit - 0.5) / 0.5;
    default:
      return unit;
  }
}

}  // namespace

template <class S>
Batches<S>::Batches(const v1::TrainingSpec& spec, const DataSet& data)
    : data_(data), target_height_(spec.loss() == v1::LOSS_MSE ? spec.soft_target() : 1.0) {
  const v1::Normalisation normalisation = NormalisationOf(spec.dataset());
  for (int byte = 0; byte < 256; ++byte) {
    value_of_[static_cast<size_t>(byte)] = static_cast<S>(Normalised(normalisation, byte));
  }
}

template <class S>
void Batches<S>::Gather(const Samples& samples, absl::Span<const int32_t> indices,
                        Batch<S>& batch) const {
  const auto size = static_cast<Index>(indices.size());
  const int64_t width = data_.shape.size();
  batch.x.resize(width, size);
  batch.labels.resize(indices.size());
  for (Index column = 0; column < size; ++column) {
    const auto index = static_cast<int64_t>(indices[static_cast<size_t>(column)]);
    const uint8_t* bytes = samples.inputs.data() + index * width;
    std::transform(bytes, bytes + width, batch.x.col(column).data(),
                   [this](uint8_t byte) { return value_of_[byte]; });
    batch.labels[static_cast<size_t>(column)] = samples.labels[static_cast<size_t>(index)];
  }
  batch.y.resize(data_.num_outputs, size);
  FillOneHot<S>(batch.labels, target_height_, batch.y);
}

template class Batches<float>;
template class Batches<double>;

}  // namespace tpsweep::trainer
