#include "server/search/grid_sampler.h"

#include <algorithm>
#include <map>

#include "server/search/domain.h"
#include "server/search/search_space.h"

namespace tpsweep::server {
namespace {

// A configuration is found by its number: at each parameter, in order, whole
// blocks of configurations are skipped, of which the sizes are counted once, at
// construction. What follows a value depends only on its class: each value that
// conditions name is one, and all the others together are one.
class GridSampler final : public Sampler {
 public:
  explicit GridSampler(const v1::StudySpec& spec) : space_(spec) {
    const auto size = static_cast<size_t>(space_.size());
    for (int i = 0; i < space_.size(); ++i) dimensions_.push_back(MakeDimension(i));
    FindLive();
    Walk walk{SpaceValues(size), std::vector<int>(size, kAbsent)};
    trials_ = space_.WithinBudget(Count(0, walk));
  }

  std::optional<Configuration> Propose(int64_t number, absl::Span<const v1::Trial>) const override {
    if (number < 0 || number >= trials_) return std::nullopt;
    const auto size = static_cast<size_t>(space_.size());
    Walk walk{SpaceValues(size), std::vector<int>(size, kAbsent)};
    for (size_t level = 0; level < size; ++level) {
      const int i = space_.order()[level];
      if (space_.Exists(i, walk.values)) {
        Choose(level, number, walk);
      } else {
        Skip(i, walk);
      }
    }
    return space_.ToConfiguration(walk.values);
  }

  int64_t TrialCount() const override { return trials_; }

 private:
  static constexpr int kAbsent = -2;
  static constexpr int kOther = -1;

  struct Dimension {
    int64_t size = 0;
    std::vector<int64_t> named;  // indices of the values that conditions name
    int64_t other = -1;          // index of the first of the others, if there are any
  };
  // Values chosen so far, by parameter, and the classes they are of: an index
  // into `named`, kOther, or kAbsent.
  struct Walk {
    SpaceValues values;
    std::vector<int> classes;
  };

  Dimension MakeDimension(int i) const {
    Dimension dimension;
    dimension.size = GridSize(space_.parameter(i));
    const bool is_real = space_.parameter(i).has_linear() || space_.parameter(i).has_log();
    const bool is_named = !is_real && IsConditionOfAny(i);
    for (int64_t index = 0; is_named && index < dimension.size; ++index) {
      if (space_.IsNamed(i, GridValue(space_.parameter(i), index))) {
        dimension.named.push_back(index);
      }
    }
    for (int64_t index = 0; index < dimension.size && dimension.other < 0; ++index) {
      const auto& named = dimension.named;
      if (!std::binary_search(named.begin(), named.end(), index)) dimension.other = index;
    }
    return dimension;
  }

  bool IsConditionOfAny(int i) const {
    for (int other = 0; other < space_.size(); ++other) {
      const std::vector<int> named = space_.ConditionsOf(other);
      if (std::find(named.begin(), named.end(), i) != named.end()) return true;
    }
    return false;
  }

  // live_[level]: the parameters before `level` on which those from it on depend.
  void FindLive() {
    std::vector<bool> is_needed(dimensions_.size());
    live_.resize(dimensions_.size() + 1);
    for (size_t level = dimensions_.size(); level-- > 0;) {
      const int i = space_.order()[level];
      for (const int named : space_.ConditionsOf(i)) is_needed[static_cast<size_t>(named)] = true;
      is_needed[static_cast<size_t>(i)] = false;
      for (size_t before = 0; before < is_needed.size(); ++before) {
        if (is_needed[before]) live_[level].push_back(static_cast<int>(before));
      }
    }
  }

  std::vector<int> StateAt(size_t level, const Walk& walk) const {
    std::vector<int> state = {static_cast<int>(level)};
    for (const int i : live_[level]) state.push_back(walk.classes[static_cast<size_t>(i)]);
    return state;
  }

  void Take(int i, int64_t index, int value_class, Walk& walk) const {
    walk.values[static_cast<size_t>(i)] = GridValue(space_.parameter(i), index);
    walk.classes[static_cast<size_t>(i)] = value_class;
  }
  void Skip(int i, Walk& walk) const {
    walk.values[static_cast<size_t>(i)].reset();
    walk.classes[static_cast<size_t>(i)] = kAbsent;
  }

  // Configurations of the parameters from `level` on, after the choices of `walk`.
  int64_t Count(size_t level, Walk& walk) {
    if (level == dimensions_.size()) return counts_[StateAt(level, walk)] = 1;
    const std::vector<int> state = StateAt(level, walk);
    if (const auto known = counts_.find(state); known != counts_.end()) return known->second;
    const int i = space_.order()[level];
    const Dimension& dimension = dimensions_[static_cast<size_t>(i)];
    int64_t count = 0;
    if (!space_.Exists(i, walk.values)) {
      Skip(i, walk);
      count = Count(level + 1, walk);
    } else {
      for (size_t c = 0; c < dimension.named.size(); ++c) {
        Take(i, dimension.named[c], static_cast<int>(c), walk);
        count += Count(level + 1, walk);
      }
      if (dimension.other >= 0) {
        const int64_t others = dimension.size - static_cast<int64_t>(dimension.named.size());
        Take(i, dimension.other, kOther, walk);
        count += others * Count(level + 1, walk);
      }
    }
    return counts_[state] = count;
  }

  // Gives the parameter at `level` the value under which configuration `number`
  // of those that follow is, and makes `number` count from there.
  void Choose(size_t level, int64_t& number, Walk& walk) const {
    const int i = space_.order()[level];
    const Dimension& dimension = dimensions_[static_cast<size_t>(i)];
    int64_t begin = 0;  // of the stretch of other values before the next named one
    for (size_t c = 0; c <= dimension.named.size(); ++c) {
      const int64_t end = c < dimension.named.size() ? dimension.named[c] : dimension.size;
      if (begin < end) {
        Take(i, dimension.other, kOther, walk);
        const int64_t block = counts_.at(StateAt(level + 1, walk));
        if (number < (end - begin) * block) {
          Take(i, begin + number / block, kOther, walk);
          number %= block;
          return;
        }
        number -= (end - begin) * block;
      }
      if (c == dimension.named.size()) return;
      Take(i, end, static_cast<int>(c), walk);
      const int64_t block = counts_.at(StateAt(level + 1, walk));
      if (number < block) return;
      number -= block;
      begin = end + 1;
    }
  }

  SearchSpace space_;
  std::vector<Dimension> dimensions_;
  std::vector<std::vector<int>> live_;
  std::map<std::vector<int>, int64_t> counts_;  // by level and classes of the live ones
  int64_t trials_ = 0;
};

}  // namespace

std::unique_ptr<Sampler> MakeGridSampler(const v1::StudySpec& spec) {
  return std::make_unique<GridSampler>(spec);
}

}  // namespace tpsweep::server
