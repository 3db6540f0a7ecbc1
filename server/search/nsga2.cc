#include "server/search/nsga2.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

namespace tpsweep::server {

bool Dominates(const Candidate& a, const Candidate& b) {
  if (a.violation != b.violation) return a.violation < b.violation;
  bool is_better = false;
  for (size_t i = 0; i < a.objectives.size(); ++i) {
    if (a.objectives[i] > b.objectives[i]) return false;
    is_better |= a.objectives[i] < b.objectives[i];
  }
  return is_better;
}

std::vector<int> Fronts(absl::Span<const Candidate> candidates, size_t enough) {
  // In this order none is dominated by one after it: each goes to the first front of
  // which no member dominates it.
  std::vector<int> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int i) {
    const Candidate& candidate = candidates[static_cast<size_t>(i)];
    return std::tie(candidate.violation, candidate.objectives);
  };
  std::stable_sort(order.begin(), order.end(), [&key](int a, int b) { return key(a) < key(b); });
  std::vector<std::vector<int>> fronts;
  std::vector<int> front_of(candidates.size());
  size_t placed = 0;
  for (const int i : order) {
    const auto is_free = [&](const std::vector<int>& front) {
      return std::none_of(front.rbegin(), front.rend(), [&](int member) {
        return Dominates(candidates[static_cast<size_t>(member)],
                         candidates[static_cast<size_t>(i)]);
      });
    };
    const auto front = std::find_if(fronts.begin(), fronts.end(), is_free);
    front_of[static_cast<size_t>(i)] = static_cast<int>(front - fronts.begin());
    if (front != fronts.end()) {
      front->push_back(i);
    } else if (placed >= enough) {
      continue;
    } else {
      fronts.push_back({i});
    }
    ++placed;
  }
  return front_of;
}

std::vector<double> Crowding(absl::Span<const Candidate> candidates,
                             absl::Span<const int> members) {
  std::vector<double> room(members.size());
  if (members.empty()) return room;
  const size_t objectives = candidates[static_cast<size_t>(members[0])].objectives.size();
  for (size_t m = 0; m < objectives; ++m) {
    const auto value = [&](size_t member) {
      return candidates[static_cast<size_t>(members[member])].objectives[m];
    };
    std::vector<size_t> order(members.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&value](size_t a, size_t b) { return value(a) < value(b); });
    const double range = value(order.back()) - value(order.front());
    room[order.front()] = INFINITY;
    room[order.back()] = INFINITY;
    for (size_t i = 1; i + 1 < order.size() && range > 0; ++i) {
      room[order[i]] += (value(order[i + 1]) - value(order[i - 1])) / range;
    }
  }
  return room;
}

std::vector<int> BestByFront(absl::Span<const Candidate> candidates, size_t count) {
  const std::vector<int> front_of = Fronts(candidates, count);
  std::map<int, std::vector<int>> fronts;
  for (size_t i = 0; i < candidates.size(); ++i) {
    fronts[front_of[i]].push_back(static_cast<int>(i));
  }
  std::vector<int> best;
  for (const auto& [number, members] : fronts) {
    if (best.size() >= count) break;
    const std::vector<double> room = Crowding(candidates, members);
    std::vector<size_t> order(members.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&room](size_t a, size_t b) { return room[a] > room[b]; });
    for (const size_t i : order) best.push_back(members[i]);
  }
  if (best.size() > count) best.resize(count);
  return best;
}

}  // namespace tpsweep::server
