#include "worker/trainer/optimiser.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

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
  if (spec.has_adam()) {
    TP_RETURN_IF_ERROR(CheckLength("adam.epsilon", spec.adam().epsilon(), num_layers));
  }
  if (spec.has_rmsprop()) {
    TP_RETURN_IF_ERROR(CheckLength("rmsprop.epsilon", spec.rmsprop().epsilon(), num_layers));
  }
  Optimiser optimiser;
  optimiser.spec_ = spec;
  const auto add_state = [&optimiser](absl::string_view kind, const Parameter<S>& parameter) {
    optimiser.state_.push_back({absl::StrCat(kind, "/", parameter.name),
                                Matrix<S>::Zero(parameter.value.rows(), parameter.value.cols())});
  };
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter<S>& parameter = parameters[i];
    if (parameter.is_fixed) continue;
    if (!trained_layers.empty() && std::find(trained_layers.begin(), trained_layers.end(),
                                             parameter.layer) == trained_layers.end()) {
      continue;
    }
    Slot slot = {.parameter = i,
                 .first_state = optimiser.state_.size(),
                 .lr = OfLayer(spec.lr(), parameter.layer) / lr_divisor,
                 .epsilon = 0};
    if (spec.has_adam()) {
      slot.epsilon = OfLayer(spec.adam().epsilon(), parameter.layer);
      add_state("adam_m", parameter);
      add_state("adam_v", parameter);
    } else if (spec.has_rmsprop()) {
      slot.epsilon = OfLayer(spec.rmsprop().epsilon(), parameter.layer);
      add_state("rmsprop_v", parameter);
      if (spec.rmsprop().centred()) add_state("rmsprop_m", parameter);
    } else if (spec.sgd().momentum() != 0) {
      add_state("momentum", parameter);
    }
    optimiser.slots_.push_back(slot);
  }
  return optimiser;
}

template <class S>
const Parameter<S>* Optimiser<S>::Step(absl::Span<Parameter<S>> parameters) {
  ++num_steps_;
  const Kernels<S>& kernels = GetKernels<S>();
  const auto decay = static_cast<S>(spec_.weight_decay());
  const auto moment = [this](size_t i) { return state_[i].value.data(); };
  for (const Slot& slot : slots_) {
    Parameter<S>& parameter = parameters[slot.parameter];
    const S* gradient = parameter.gradient.data();
    S* theta = parameter.value.data();
    std::atomic<bool> is_finite = true;
    const auto step_shards = [&](auto step_shard) {
      ForShards(static_cast<size_t>(parameter.value.size()), [&](size_t begin, size_t end) {
        if (!step_shard(begin, end)) is_finite = false;
      });
    };
    if (spec_.has_adam()) {
      const double beta1 = spec_.adam().beta1();
      const double beta2 = spec_.adam().beta2();
      // Without bias correction as if after infinitely many steps.
      const double t = spec_.adam().bias_correction() ? static_cast<double>(num_steps_)
                                                      : std::numeric_limits<double>::infinity();
      const AdamStep<S> step = {
          .beta1 = static_cast<S>(beta1),
          .one_minus_beta1 = static_cast<S>(1 - beta1),
          .beta2 = static_cast<S>(beta2),
          .one_minus_beta2 = static_cast<S>(1 - beta2),
          .step_size = static_cast<S>(slot.lr / (1 - std::pow(beta1, t))),
          .inverse_sqrt_correction2 = static_cast<S>(1 / std::sqrt(1 - std::pow(beta2, t))),
          .epsilon = static_cast<S>(slot.epsilon),
          .weight_decay = decay};
      S* m = moment(slot.first_state);
      S* v = moment(slot.first_state + 1);
      step_shards([&](size_t begin, size_t end) {
        return kernels.adam(end - begin, step, gradient + begin, m + begin, v + begin,
                            theta + begin);
      });
    } else if (spec_.has_rmsprop()) {
      const double alpha = spec_.rmsprop().alpha();
      const RmsPropStep<S> step = {.alpha = static_cast<S>(alpha),
                                   .one_minus_alpha = static_cast<S>(1 - alpha),
                                   .lr = static_cast<S>(slot.lr),
                                   .epsilon = static_cast<S>(slot.epsilon),
                                   .weight_decay = decay};
      S* v = moment(slot.first_state);
      S* m = spec_.rmsprop().centred() ? moment(slot.first_state + 1) : nullptr;
      step_shards([&](size_t begin, size_t end) {
        return kernels.rmsprop(end - begin, step, gradient + begin,
                               m == nullptr ? nullptr : m + begin, v + begin, theta + begin);
      });
    } else {
      const double momentum = spec_.sgd().momentum();
      S* buffer = momentum == 0 ? nullptr : moment(slot.first_state);
      step_shards([&](size_t begin, size_t end) {
        return kernels.sgd(end - begin, static_cast<S>(slot.lr), static_cast<S>(momentum), decay,
                           gradient + begin, buffer == nullptr ? nullptr : buffer + begin,
                           theta + begin);
      });
    }
    if (!is_finite) return &parameter;
  }
  return nullptr;
}

template class Optimiser<float>;
template class Optimiser<double>;

}  // namespace tpsweep::trainer
