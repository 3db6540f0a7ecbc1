// Every configuration of a space by its number. A conditional parameter multiplies
// only those where it exists. The last parameter changes fastest (of
// SearchSpace::order, which is the order of the space wherever conditions name
// parameters above them).
//
// A configuration is found by its number: at each parameter, in order, whole
// blocks of configurations are skipped, of which the sizes are counted once, at
// construction. What follows a value depends only on its class: each value that
// conditions name is one, and all the others together are one.
//
// Immutable, so thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "server/search/search_space.h"

namespace tpsweep::server {

class Grid {
 public:
  // `space`, which must outlive the grid, has no interval of real numbers without
  // `points`, and no more configurations than spec::kLargestGrid.
  explicit Grid(const SearchSpace& space);

  int64_t size() const { return size_; }
  // `number` is in [0, size).
  Point At(int64_t number) const;

 private:
  static constexpr int kAbsentClass = -2;
  static constexpr int kOther = -1;

  struct Dimension {
    int64_t size = 0;
    std::vector<int64_t> named;  // indices of the values that conditions name
    int64_t other = -1;          // index of the first of the others, if there are any
  };
  // Values chosen so far, by parameter, and the classes they are of: an index
  // into `named`, kOther, or kAbsentClass.
  struct Walk {
    explicit Walk(size_t size) : values(size, kAbsent), classes(size, kAbsentClass) {}
    Point values;
    std::vector<int> classes;
  };

  Dimension MakeDimension(int i) const;
  bool IsConditionOfAny(int i) const;
  void FindLive();
  std::vector<int> StateAt(size_t level, const Walk& walk) const;
  void Take(int i, int64_t index, int value_class, Walk& walk) const;
  static void Skip(int i, Walk& walk);
  // Configurations of the parameters from `level` on, after the choices of `walk`.
  int64_t Count(size_t level, Walk& walk);
  // Gives the parameter at `level` the value under which configuration `number`
  // of those that follow is, and makes `number` count from there.
  void Choose(size_t level, int64_t& number, Walk& walk) const;

  const SearchSpace& space_;
  std::vector<Dimension> dimensions_;
  // live_[level]: the parameters before `level` on which those from it on depend.
  std::vector<std::vector<int>> live_;
  std::map<std::vector<int>, int64_t> counts_;  // by level and classes of the live ones
  int64_t size_ = 0;
};

}  // namespace tpsweep::server
