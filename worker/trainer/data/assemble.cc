#include "worker/trainer/data/assemble.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

constexpr size_t kMaxOutputs = 1'000'000;  // the widest layer of a network

template <class... Part>
absl::Status Error(absl::string_view file, const Part&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", parts...));
}

// "FILE: sample 17", or the line of a CSV file.
std::string Place(const Half& half, size_t sample) {
  return half.is_csv ? absl::StrCat(half.targets_file, ":", sample + 2)
                     : absl::StrCat(half.targets_file, ": sample ", sample);
}

absl::StatusOr<MapShape> ShapeOf(const Half& half) {
  const std::vector<int64_t>& shape = half.inputs.shape;
  switch (shape.size()) {
    case 2:
      return MapShape{shape[1], 1, 1};
    case 3:
      return MapShape{1, shape[1], shape[2]};
    case 4:
      return MapShape{shape[1], shape[2], shape[3]};
    default:
      return Error(half.inputs_file,
                   "inputs need 2 dimensions (samples x inputs), 3 (samples x "
                   "height x width) or 4 (samples x channels x height x width), not ",
                   shape.size());
  }
}

absl::Status CheckTargets(const Half& half) {
  const std::vector<int64_t>& shape = half.targets.shape;
  const bool is_real = std::holds_alternative<std::vector<float>>(half.targets.values) ||
                       std::holds_alternative<std::vector<double>>(half.targets.values);
  if (shape.size() != 1 && !(is_real && shape.size() == 2)) {
    return Error(half.targets_file,
                 is_real ? "real-valued targets need 1 or 2 dimensions, not "
                         : "labels (whole numbers) need 1 dimension, not ",
                 shape.size());
  }
  if (shape[0] != half.inputs.shape[0]) {
    return Error(half.targets_file, shape[0], is_real ? " targets" : " labels", ", but ",
                 half.inputs_file, " has ", half.inputs.shape[0], " samples");
  }
  return absl::OkStatus();
}

// Float if that loses nothing.
template <class T>
Inputs Compact(std::vector<T> numbers) {
  const bool is_exact = std::all_of(numbers.begin(), numbers.end(), [](T value) {
    if constexpr (std::is_integral_v<T>) {
      constexpr T kMost = T{1} << 24;  // up to here float holds every whole number
      return value >= -kMost && value <= kMost;
    } else {
      return static_cast<double>(static_cast<float>(value)) == value;
    }
  });
  if (is_exact) return std::vector<float>(numbers.begin(), numbers.end());
  if constexpr (std::is_integral_v<T>) {
    std::vector<double> wide;
    wide.reserve(numbers.size());
    for (const T value : numbers) wide.push_back(static_cast<double>(value));
    return wide;
  } else {
    return numbers;
  }
}

template <class T>
std::optional<size_t> FindNotFinite(const std::vector<T>& values) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto bad =
        std::find_if(values.begin(), values.end(), [](T value) { return !std::isfinite(value); });
    if (bad != values.end()) return static_cast<size_t>(bad - values.begin());
  }
  return std::nullopt;
}

// Of `array` of the file; the first dimension counts the samples.
absl::Status CheckFinite(const Array& array, const std::string& file) {
  const auto count = static_cast<size_t>(array.shape[0]);
  return std::visit(
      [&](const auto& values) -> absl::Status {
        const std::optional<size_t> bad = FindNotFinite(values);
        if (!bad) return absl::OkStatus();
        const size_t width = values.size() / count;
        return Error(file, "sample ", *bad / width, " has ", static_cast<double>(values[*bad]),
                     " at position ", *bad % width, "; legal: finite numbers");
      },
      array.values);
}

absl::StatusOr<Inputs> TakeInputs(Half& half) {
  TP_RETURN_IF_ERROR(CheckFinite(half.inputs, half.inputs_file));
  return std::visit(
      [](auto& values) -> Inputs {
        using T = typename std::decay_t<decltype(values)>::value_type;
        if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, double>) {
          return Compact(std::move(values));
        } else {
          return std::move(values);
        }
      },
      half.inputs.values);
}

// Empty if the targets are real values.
std::optional<std::vector<int64_t>> LabelsOf(const Half& half) {
  if (const auto* bytes = std::get_if<std::vector<uint8_t>>(&half.targets.values)) {
    return std::vector<int64_t>(bytes->begin(), bytes->end());
  }
  if (const auto* whole = std::get_if<std::vector<int64_t>>(&half.targets.values)) return *whole;
  return std::nullopt;
}

// "0 to 9", or the first of them.
std::string ClassesText(const std::vector<int64_t>& classes) {
  constexpr size_t kMost = 20;
  const uint64_t span =
      static_cast<uint64_t>(classes.back()) - static_cast<uint64_t>(classes.front());
  if (span == classes.size() - 1) return absl::StrCat(classes.front(), " to ", classes.back());
  const size_t shown = std::min(kMost, classes.size());
  return absl::StrCat(
      absl::StrJoin(classes.begin(), classes.begin() + static_cast<long>(shown), ", "),
      shown < classes.size() ? ", ..." : "");
}

absl::Status FillLabels(const Half& train, const Half& test, DataSet& set) {
  const std::vector<int64_t> train_labels = *LabelsOf(train);
  std::vector<int64_t>& classes = set.class_labels;
  classes = train_labels;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (classes.size() > kMaxOutputs) {
    return Error(train.targets_file, classes.size(), " different labels; at most ", kMaxOutputs,
                 " are legal");
  }
  set.num_outputs = static_cast<int64_t>(classes.size());
  const auto fill = [&](const Half& half, const std::vector<int64_t>& labels,
                        Samples& samples) -> absl::Status {
    samples.labels.reserve(labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto at = std::lower_bound(classes.begin(), classes.end(), labels[i]);
      if (at == classes.end() || *at != labels[i]) {
        return Error(
            Place(half, i), "label ", labels[i],
            " is none of the classes of the training samples; legal: ", ClassesText(classes));
      }
      samples.labels.push_back(static_cast<int32_t>(at - classes.begin()));
    }
    return absl::OkStatus();
  };
  TP_RETURN_IF_ERROR(fill(train, train_labels, set.train));
  return fill(test, *LabelsOf(test), set.test);
}

int64_t TargetWidth(const Half& half) {
  return half.targets.shape.size() == 2 ? half.targets.shape[1] : 1;
}

absl::Status FillTargets(Half& train, Half& test, DataSet& set) {
  set.is_classification = false;
  set.num_outputs = TargetWidth(train);
  if (TargetWidth(test) != set.num_outputs) {
    return Error(test.targets_file, TargetWidth(test), " targets for each sample, but ",
                 train.targets_file, " has ", set.num_outputs);
  }
  if (static_cast<size_t>(set.num_outputs) > kMaxOutputs) {
    return Error(train.targets_file, set.num_outputs, " targets for each sample; at most ",
                 kMaxOutputs, " are legal");
  }
  for (const auto& [half, samples] : {std::pair(&train, &set.train), std::pair(&test, &set.test)}) {
    TP_RETURN_IF_ERROR(CheckFinite(half->targets, half->targets_file));
    samples->target_width = set.num_outputs;
    samples->targets = std::visit(
        [](const auto& values) {
          std::vector<double> targets;
          targets.reserve(values.size());
          for (const auto value : values) targets.push_back(static_cast<double>(value));
          return targets;
        },
        half->targets.values);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<DataSet>> Assemble(absl::string_view name, Half train, Half test) {
  auto set = std::make_shared<DataSet>();
  set->name = std::string(name);
  TP_ASSIGN_OR_RETURN(set->shape, ShapeOf(train));
  TP_ASSIGN_OR_RETURN(const MapShape test_shape, ShapeOf(test));
  if (test_shape != set->shape) {
    return Error(test.inputs_file, "inputs of ", ToText(test_shape), ", but ", train.inputs_file,
                 " has inputs of ", ToText(set->shape));
  }
  for (const Half* half : {&train, &test}) TP_RETURN_IF_ERROR(CheckTargets(*half));
  const bool has_labels = LabelsOf(train).has_value();
  if (LabelsOf(test).has_value() != has_labels) {
    return Error(test.targets_file, has_labels ? "real-valued targets" : "labels (whole numbers)",
                 ", but ", train.targets_file, " has ",
                 has_labels ? "labels (whole numbers)" : "real-valued targets");
  }
  TP_ASSIGN_OR_RETURN(set->train.inputs, TakeInputs(train));
  TP_ASSIGN_OR_RETURN(set->test.inputs, TakeInputs(test));
  const bool has_bytes = std::holds_alternative<std::vector<uint8_t>>(set->train.inputs);
  if (std::holds_alternative<std::vector<uint8_t>>(set->test.inputs) != has_bytes) {
    return Error(test.inputs_file, has_bytes ? "numbers, but " : "bytes, but ", train.inputs_file,
                 has_bytes ? " has bytes" : " has numbers");
  }
  TP_RETURN_IF_ERROR(has_labels ? FillLabels(train, test, *set) : FillTargets(train, test, *set));
  return set;
}

}  // namespace tpsweep::trainer
