#include "worker/trainer/run/batches.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/loss.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

v1::Normalisation NormalisationOf(const v1::Dataset& spec) {
  if (spec.normalisation() != v1::NORMALISATION_PRESET) return spec.normalisation();
  if (spec.name() == "mnist") return v1::NORMALISATION_STANDARD;
  if (spec.name() == "cifar10") return v1::NORMALISATION_SYMMETRIC;
  return v1::NORMALISATION_UNIT;
}

// (byte / 255 - mean) / deviation.
struct Moments {
  double mean, deviation;
};
Moments MomentsOf(v1::Normalisation normalisation) {
  switch (normalisation) {
    case v1::NORMALISATION_STANDARD:
      return {0.1307, 0.3081};
    case v1::NORMALISATION_SYMMETRIC:
      return {0.5, 0.5};
    default:
      return {0, 1};
  }
}

absl::string_view NameOf(v1::Normalisation normalisation) {
  switch (normalisation) {
    case v1::NORMALISATION_STANDARD:
      return "standard";
    case v1::NORMALISATION_SYMMETRIC:
      return "symmetric";
    default:
      return "unit";
  }
}

// Samples lie anywhere in the data: while one is converted, one that comes is fetched.
constexpr Index kAhead = 2;
template <class T>
void Prefetch(const T* sample, int64_t width) {
  constexpr int64_t kStep = std::max<int64_t>(1, 64 / sizeof(T));  // a cache line
  for (int64_t i = 0; i < width; i += kStep) __builtin_prefetch(sample + i);
}

}  // namespace

bool HasClasses(const v1::TrainingSpec& spec, const DataSet& data) {
  return data.is_classification && spec.dataset().targets() != v1::TARGETS_INPUTS;
}

int64_t NumTargets(const v1::TrainingSpec& spec, const DataSet& data) {
  return spec.dataset().targets() == v1::TARGETS_INPUTS ? data.shape.size() : data.num_outputs;
}

absl::Status CheckSpecFitsData(const v1::TrainingSpec& spec, const DataSet& data) {
  if (spec.dataset().targets() == v1::TARGETS_INPUTS && spec.loss() == v1::LOSS_CROSS_ENTROPY) {
    return absl::InvalidArgumentError(
        "loss: cross_entropy needs classes, but dataset.targets is inputs; set loss: mse or "
        "half_squares");
  }
  if (!data.is_classification && spec.loss() == v1::LOSS_CROSS_ENTROPY) {
    return absl::InvalidArgumentError(
        absl::StrCat("loss: cross_entropy needs classes, but data set ", data.name,
                     " has real-valued targets; set loss: mse or half_squares"));
  }
  const v1::Normalisation normalisation = spec.dataset().normalisation();
  if (normalisation != v1::NORMALISATION_PRESET &&
      !std::holds_alternative<std::vector<uint8_t>>(data.train.inputs)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset.normalisation: ", NameOf(normalisation), " is for pixel bytes, but ",
                     data.name, " holds numbers, which are used as they are; legal: preset"));
  }
  return absl::OkStatus();
}

template <class S>
Batches<S>::Batches(const v1::TrainingSpec& spec, const DataSet& data)
    : data_(data),
      learns_inputs_(spec.dataset().targets() == v1::TARGETS_INPUTS),
      target_height_(spec.loss() == v1::LOSS_CROSS_ENTROPY ? 1.0 : spec.soft_target()) {
  const Moments moments = MomentsOf(NormalisationOf(spec.dataset()));
  scale_ = static_cast<S>(1 / (255 * moments.deviation));
  offset_ = static_cast<S>(-moments.mean / moments.deviation);
}

template <class S>
void Batches<S>::Convert(const uint8_t* sample, int64_t width, S* x) const {
  GetKernels<S>().from_bytes(static_cast<size_t>(width), sample, scale_, offset_, x);
}

template <class S>
template <class T>
void Batches<S>::Convert(const T* sample, int64_t width, S* x) const {
  std::transform(sample, sample + width, x, [](T value) { return static_cast<S>(value); });
}

template <class S>
void Batches<S>::Gather(const Samples& samples, absl::Span<const int32_t> indices,
                        Batch<S>& batch) const {
  const auto size = static_cast<Index>(indices.size());
  const int64_t width = data_.shape.size();
  batch.x.resize(width, size);
  constexpr Index kColumns = 32;  // of a piece
  std::visit(
      [&](const auto& inputs) {
        const auto sample = [&](Index column) {
          return inputs.data() + indices[static_cast<size_t>(column)] * width;
        };
        ParallelFor(static_cast<size_t>((size + kColumns - 1) / kColumns), [&](size_t piece) {
          const Index begin = static_cast<Index>(piece) * kColumns;
          const Index end = std::min(size, begin + kColumns);
          for (Index column = begin; column < std::min(end, begin + kAhead); ++column) {
            Prefetch(sample(column), width);
          }
          for (Index column = begin; column < end; ++column) {
            if (column + kAhead < end) Prefetch(sample(column + kAhead), width);
            Convert(sample(column), width, batch.x.col(column).data());
          }
        });
      },
      samples.inputs);

  batch.labels.clear();
  if (learns_inputs_) {
    batch.y = batch.x;
    return;
  }
  batch.y.resize(data_.num_outputs, size);
  if (data_.is_classification) {
    for (const int32_t index : indices) {
      batch.labels.push_back(samples.labels[static_cast<size_t>(index)]);
    }
    FillOneHot<S>(batch.labels, target_height_, batch.y);
    return;
  }
  for (Index column = 0; column < size; ++column) {
    const double* row =
        samples.targets.data() + indices[static_cast<size_t>(column)] * data_.num_outputs;
    std::transform(row, row + data_.num_outputs, batch.y.col(column).data(),
                   [](double value) { return static_cast<S>(value); });
  }
}

template class Batches<float>;
template class Batches<double>;

}  // namespace tpsweep::trainer
