#include "server/search/grid.h"

#include <algorithm>

namespace tpsweep::server {

Grid::Grid(const SearchSpace& space) : space_(space) {
  for (int i = 0; i < space_.size(); ++i) dimensions_.push_back(MakeDimension(i));
  FindLive();
  Walk walk(dimensions_.size());
  size_ = Count(0, walk);
}

Point Grid::At(int64_t number) const {
  Walk walk(dimensions_.size());
  for (size_t level = 0; level < dimensions_.size(); ++level) {
    const int i = space_.order()[level];
    if (space_.Exists(i, walk.values)) {
      Choose(level, number, walk);
    } else {
      Skip(i, walk);
    }
  }
  return walk.values;
}

Grid::Dimension Grid::MakeDimension(int i) const {
  Dimension dimension;
  dimension.size = space_.axis(i).GridSize();
  const bool is_real = space_.parameter(i).has_linear() || space_.parameter(i).has_log();
  const bool is_named = !is_real && IsConditionOfAny(i);
  for (int64_t index = 0; is_named && index < dimension.size; ++index) {
    if (space_.IsNamed(i, space_.axis(i).GridCoordinate(index))) {
      dimension.named.push_back(index);
    }
  }
  for (int64_t index = 0; index < dimension.size && dimension.other < 0; ++index) {
    const auto& named = dimension.named;
    if (!std::binary_search(named.begin(), named.end(), index)) dimension.other = index;
  }
  return dimension;
}

bool Grid::IsConditionOfAny(int i) const {
  for (int other = 0; other < space_.size(); ++other) {
    const std::vector<int> named = space_.ConditionsOf(other);
    if (std::find(named.begin(), named.end(), i) != named.end()) return true;
  }
  return false;
}

void Grid::FindLive() {
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

std::vector<int> Grid::StateAt(size_t level, const Walk& walk) const {
  std::vector<int> state = {static_cast<int>(level)};
  for (const int i : live_[level]) state.push_back(walk.classes[static_cast<size_t>(i)]);
  return state;
}

void Grid::Take(int i, int64_t index, int value_class, Walk& walk) const {
  walk.values[static_cast<size_t>(i)] = space_.axis(i).GridCoordinate(index);
  walk.classes[static_cast<size_t>(i)] = value_class;
}

void Grid::Skip(int i, Walk& walk) {
  walk.values[static_cast<size_t>(i)] = kAbsent;
  walk.classes[static_cast<size_t>(i)] = kAbsentClass;
}

int64_t Grid::Count(size_t level, Walk& walk) {
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

void Grid::Choose(size_t level, int64_t& number, Walk& walk) const {
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

}  // namespace tpsweep::server
