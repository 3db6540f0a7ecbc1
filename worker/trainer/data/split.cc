#include "worker/trainer/data/split.h"

#include <limits>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/random.h"

namespace tpsweep::trainer {

std::vector<int32_t> Permutation(int64_t count, uint64_t key) {
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  RandomStream random(key);
  for (size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random.NextBelow(left)]);
  }
  return order;
}

absl::StatusOr<Split> MakeSplit(const v1::Dataset& spec, const DataSet& data, uint64_t seed) {
  const int64_t count = data.train.count();
  constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();
  if (count > kMaxCount || data.test.count() > kMaxCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset.name: ", data.name, " has more than ", kMaxCount, " samples"));
  }
  if (spec.validation() >= count) {
    return absl::InvalidArgumentError(absl::StrCat("dataset.validation: ", spec.validation(),
                                                   " of the ", count, " training samples of ",
                                                   data.name, " would leave none to train on"));
  }
  const int64_t left = count - spec.validation();
  if (spec.train_samples() > left) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset.train_samples: ", spec.train_samples(), ", but ", data.name,
                     " has only ", left, " besides ", spec.validation(), " for validation"));
  }
  if (spec.test_samples() > data.test.count()) {
    return absl::InvalidArgumentError(absl::StrCat("dataset.test_samples: ", spec.test_samples(),
                                                   ", but ", data.name, " has only ",
                                                   data.test.count()));
  }
  const std::vector<int32_t> order = Permutation(count, DeriveSeed(seed, "split"));
  const auto boundary = order.begin() + spec.validation();
  Split split;
  split.validation.assign(order.begin(), boundary);
  split.train.assign(boundary,
                     spec.train_samples() > 0 ? boundary + spec.train_samples() : order.end());
  split.test.resize(
      static_cast<size_t>(spec.test_samples() > 0 ? spec.test_samples() : data.test.count()));
  std::iota(split.test.begin(), split.test.end(), 0);
  return split;
}

}  // namespace tpsweep::trainer
