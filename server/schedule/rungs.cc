#include "server/schedule/rungs.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace tpsweep::server {
namespace {

constexpr double kWorst = std::numeric_limits<double>::infinity();

}  // namespace

std::vector<int64_t> GeometricRungs(int64_t first, int64_t eta, int64_t last) {
  std::vector<int64_t> epochs;
  for (int64_t at = first; at < last; at *= eta) {
    epochs.push_back(at);
    if (at > last / eta) break;  // the next would be beyond, or beyond all numbers
  }
  epochs.push_back(last);
  return epochs;
}

std::vector<int64_t> EvenRungs(int64_t first, int64_t step, int64_t last) {
  std::vector<int64_t> epochs;
  for (int64_t at = first; at < last; at += step) epochs.push_back(at);
  epochs.push_back(last);
  return epochs;
}

Rungs::Rungs(std::vector<int64_t> epochs)
    : epochs_(std::move(epochs)), places_(epochs_.size()), num_coming_(epochs_.size()) {}

std::optional<int> Rungs::WaitsAt(int64_t trial) const {
  const auto found = waiting_.find(trial);
  if (found == waiting_.end()) return std::nullopt;
  return found->second;
}

Place Rungs::PlaceOf(int64_t trial, int rung) const {
  return {values_.at(trial).at(At(rung)), trial};
}

std::string Rungs::Explain(int64_t trial, const std::function<int64_t(int rung)>& may,
                           const Scheduler::Names& names) const {
  if (const auto coming = coming_.find(trial); coming != coming_.end()) {
    return absl::StrCat("is on its way to the rung of epoch ", epochs(coming->second));
  }
  const std::optional<int> rung = WaitsAt(trial);
  if (!rung) return "";
  const std::set<Place>& all = places(*rung);
  const Place mine = PlaceOf(trial, *rung);
  const auto value = [&names](const Place& place) {
    return place.value == kWorst ? std::string("no value")
                                 : absl::StrFormat("%.6g", names.sign * place.value);
  };
  constexpr size_t kMostNamed = 5;
  std::vector<std::string> ahead;
  const int64_t most = may(*rung);
  std::string last;
  int64_t at = 0;
  int64_t mine_at = 0;
  for (const Place& place : all) {
    ++at;
    if (place.trial == trial) mine_at = at;
    if (place < mine && ahead.size() < kMostNamed) {
      ahead.push_back(absl::StrCat("trial ", names.of(place.trial), " with ", value(place)));
    }
    if (at == most) last = value(place);
  }
  std::string text = absl::StrCat("waits after epoch ", epochs(*rung), " with ", value(mine),
                                  ", place ", mine_at, " of ", all.size());
  absl::StrAppend(&text, most == 0 ? "; too few are there for one to go on"
                                   : absl::StrCat("; the best ", most, " go on"));
  if (mine_at > most && most > 0) absl::StrAppend(&text, ", the last of them with ", last);
  if (!ahead.empty()) {
    absl::StrAppend(&text, "; ahead of it ", absl::StrJoin(ahead, ", "),
                    mine_at - 1 > static_cast<int64_t>(ahead.size()) ? " and others" : "");
  }
  return text;
}

void Rungs::Begin(int64_t trial, int rung) {
  coming_[trial] = rung;
  ++num_coming_[At(rung)];
  // Whoever begins higher was at the lower rungs with no value that counts.
  values_[trial].assign(At(rung), kWorst);
}

void Rungs::Wait(int64_t trial, double value) {
  const int rung = coming_.at(trial);
  coming_.erase(trial);
  --num_coming_[At(rung)];
  if (std::isnan(value)) value = kWorst;
  waiting_[trial] = rung;
  values_[trial].push_back(value);
  places_[At(rung)].insert({value, trial});
}

void Rungs::GoOn(int64_t trial, int rung) {
  waiting_.erase(trial);
  coming_[trial] = rung;
  ++num_coming_[At(rung)];
}

void Rungs::End(int64_t trial, bool is_bad) {
  waiting_.erase(trial);
  const auto coming = coming_.find(trial);
  if (coming == coming_.end()) return;
  --num_coming_[At(coming->second)];
  if (is_bad) places_[At(coming->second)].insert({kWorst, trial});
  coming_.erase(coming);
}

}  // namespace tpsweep::server
