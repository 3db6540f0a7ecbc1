#include "worker/trainer/optimiser.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

template <class List>
absl::Status CheckLength(absl::string_view name, const List& list, int num_layers) {
  if (list.size() == 1 || list.size() == num_layers) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": has ", list.size(), " elements; legal: 1 for all layers, or ",
                   num_layers, ", one for each layer of the network"));
}

template <class List>
double OfLayer(const List& list, int layer) {
  return list.size() == 1 ? list[0] : list[layer - 1];
}

}  // namespace

template <class S>
absl::StatusOr<Optimiser<S>> Optimiser<S>::Create(const v1::Optimiser& spec,
                                                  absl::Span<const Parameter<S>> parameters,
                                                  int num_layers, double lr_divisor,
                                                  absl::Span<const int> trained_layers) {
  TP_RETURN_IF_ERROR(CheckLength("lr", spec.lr(), num_layers));
  Optimiser optimiser;
  optimiser.is_adam_ = !spec.has_sgd();
  if (optimiser.is_adam_) {
    TP_RETURN_IF_ERROR(CheckLength("adam.epsilon", spec.adam().epsilon(), num_layers));
  }
  optimiser.beta1_ = spec.adam().beta1();
  optimiser.beta2_ = spec.adam().beta2();
  optimiser.momentum_ = spec.sgd().momentum();
  optimiser.weight_decay_ = spec.weight_decay();
  const auto add_state = [&optimiser](absl::string_view kind, const Parameter<S>& parameter) {
    optimiser.state_.push_back({absl::StrCat(kind, "/", parameter.name),
                                Matrix<S>::Zero(parameter.value.rows(), parameter.value.cols())});
  };
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter<S>& parameter = parameters[i];
    if (!trained_layers.empty() && std::find(trained_layers.begin(), trained_layers.end(),
                                             parameter.layer) == trained_layers.end()) {
      continue;
    }
    optimiser.slots_.push_back(
        {.parameter = i,
         .first_state = optimiser.state_.size(),
         .lr = OfLayer(spec.lr(), parameter.layer) / lr_divisor,
         .epsilon = optimiser.is_adam_ ? OfLayer(spec.adam().epsilon(), parameter.layer) : 0});
    if (optimiser.is_adam_) {
      add_state("adam_m", parameter);
      add_state("adam_v", parameter);
    } else if (optimiser.momentum_ != 0) {
      add_state("momentum", parameter);
    }
  }
  return optimiser;
}

template <class S>
void Optimiser<S>::Step(absl::Span<Parameter<S>> parameters) {
  ++num_steps_;
  const Kernels<S>& kernels = GetKernels<S>();
  const double t = static_cast<double>(num_steps_);
  const double correction1 = 1 - std::pow(beta1_, t);
  const double correction2 = 1 - std::pow(beta2_, t);
  for (const Slot& slot : slots_) {
    Parameter<S>& parameter = parameters[slot.parameter];
    const S* gradient = parameter.gradient.data();
    S* theta = parameter.value.data();
    const auto size = static_cast<size_t>(parameter.value.size());
    if (is_adam_) {
      const AdamStep<S> step = {
          .beta1 = static_cast<S>(beta1_),
          .one_minus_beta1 = static_cast<S>(1 - beta1_),
          .beta2 = static_cast<S>(beta2_),
          .one_minus_beta2 = static_cast<S>(1 - beta2_),
          .step_size = static_cast<S>(slot.lr / correction1),
          .inverse_sqrt_correction2 = static_cast<S>(1 / std::sqrt(correction2)),
          .epsilon = static_cast<S>(slot.epsilon),
          .weight_decay = static_cast<S>(weight_decay_)};
      S* m = state_[slot.first_state].value.data();
      S* v = state_[slot.first_state + 1].value.data();
      ForShards(size, [&](size_t begin, size_t end) {
        kernels.adam(end - begin, step, gradient + begin, m + begin, v + begin, theta + begin);
      });
    } else {
      S* buffer = momentum_ == 0 ? nullptr : state_[slot.first_state].value.data();
      ForShards(size, [&](size_t begin, size_t end) {
        kernels.sgd(end - begin, static_cast<S>(slot.lr), static_cast<S>(momentum_),
                    static_cast<S>(weight_decay_), gradient + begin,
                    buffer == nullptr ? nullptr : buffer + begin, theta + begin);
      });
    }
  }
}

template class Optimiser<float>;
template class Optimiser<double>;

}  // namespace tpsweep::trainer
