// Hyperband.
//
// Source: Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter
// Optimization" (2018), algorithm 1, with R = training.epochs and the smallest budget
// r = first_epoch: s_max = floor(log_eta(R / r)), and for s = s_max .. 0 a bracket of
// n = ceil((s_max + 1) / (s + 1) * eta^s) trials, that begins at R * eta^-s epochs and
// lets the best floor(n * eta^-i) of a rung go on. The brackets follow one another without
// end; a trial's number says to which it belongs.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "server/schedule/rungs.h"
#include "server/schedule/schedulers.h"

namespace tpsweep::server {
namespace {

// One bracket's shape.
struct Shape {
  std::vector<int64_t> epochs;     // of the rungs
  std::vector<int64_t> survivors;  // trials at each rung
};

std::vector<Shape> Shapes(int64_t first_epoch, int64_t eta, int64_t last) {
  int s_max = 0;
  for (int64_t at = first_epoch; at <= last / eta; at *= eta) ++s_max;
  std::vector<Shape> shapes;
  for (int s = s_max; s >= 0; --s) {
    int64_t power = 1;
    for (int i = 0; i < s; ++i) power *= eta;
    const int64_t n = ((s_max + 1) * power + s) / (s + 1);  // rounded up
    Shape shape;
    for (int i = 0; i <= s; ++i) {
      shape.survivors.push_back(std::max<int64_t>(1, n));
      shape.epochs.push_back(std::max(first_epoch, last / power));
      power /= eta;
    }
    for (size_t i = 1; i < shape.survivors.size(); ++i) {
      shape.survivors[i] = std::max<int64_t>(1, shape.survivors[i - 1] / eta);
    }
    shape.epochs.back() = last;
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

// A rung of a bracket decides once all of its trials are there.
class Bracket {
 public:
  explicit Bracket(const Shape& shape) : shape_(shape), rungs_(shape.epochs) {}

  Rungs& rungs() { return rungs_; }
  int64_t FirstStop() const { return shape_.epochs[0]; }
  int64_t size() const { return shape_.survivors[0]; }
  void Begin(int64_t trial) {
    rungs_.Begin(trial, 0);
    ++num_begun_;
  }
  std::string Explain(int64_t trial, const Scheduler::Names& names) const {
    const auto may = [this](int rung) {
      return IsDecided(rung) ? shape_.survivors[static_cast<size_t>(rung) + 1] : 0;
    };
    return rungs_.Explain(trial, may, names);
  }
  // No further trial will begin in it.
  void Close() { is_closed_ = true; }

  std::optional<Scheduler::Advance> Next() const {
    for (const auto& [trial, rung] : rungs_.waiting()) {
      if (IsDecided(rung) && IsGood(trial, rung)) return {{trial, rungs_.epochs(rung + 1)}};
    }
    return std::nullopt;
  }
  std::optional<int64_t> Beaten() const {
    for (const auto& [trial, rung] : rungs_.waiting()) {
      if (IsDecided(rung) && !IsGood(trial, rung)) return trial;
    }
    return std::nullopt;
  }

 private:
  // All trials that will ever be at the rung are there: nobody is on the way to it or to a
  // lower one, and no lower one has somebody to send.
  bool IsDecided(int rung) const {
    if (num_begun_ < size() && !is_closed_) return false;
    for (int lower = 0; lower <= rung; ++lower) {
      if (rungs_.num_coming(lower) > 0) return false;
    }
    for (const auto& [trial, at] : rungs_.waiting()) {
      if (at < rung && IsGood(trial, at)) return false;
    }
    return true;
  }
  bool IsGood(int64_t trial, int rung) const {
    int64_t may = shape_.survivors[static_cast<size_t>(rung) + 1];
    for (const Place& place : rungs_.places(rung)) {
      if (may-- == 0 || place.value == std::numeric_limits<double>::infinity()) return false;
      if (place.trial == trial) return true;
    }
    return false;
  }

  const Shape& shape_;
  Rungs rungs_;
  int64_t num_begun_ = 0;
  bool is_closed_ = false;
};

class Hyperband final : public Scheduler {
 public:
  explicit Hyperband(std::vector<Shape> shapes) : shapes_(std::move(shapes)) {
    for (const Shape& shape : shapes_) round_ += shape.survivors[0];
  }

  int64_t FirstStop(int64_t number) const override {
    return shapes_[static_cast<size_t>(BracketOf(number)) % shapes_.size()].epochs[0];
  }
  void Begin(int64_t trial) override { At(trial).Begin(trial); }
  void Wait(int64_t trial, int64_t, double value) override { At(trial).rungs().Wait(trial, value); }
  void GoOn(int64_t trial, int64_t) override {
    Rungs& rungs = At(trial).rungs();
    rungs.GoOn(trial, *rungs.WaitsAt(trial) + 1);
  }
  void End(int64_t trial, bool is_bad) override { At(trial).rungs().End(trial, is_bad); }
  void Close() override {
    for (auto& [number, bracket] : brackets_) bracket.Close();
  }
  std::optional<Advance> Next() const override {
    for (const auto& [number, bracket] : brackets_) {
      if (const std::optional<Advance> next = bracket.Next()) return next;
    }
    return std::nullopt;
  }
  std::optional<int64_t> Beaten() const override {
    for (const auto& [number, bracket] : brackets_) {
      if (const std::optional<int64_t> beaten = bracket.Beaten()) return beaten;
    }
    return std::nullopt;
  }

  std::string Explain(int64_t trial, const Names& names) const override {
    const int64_t number = BracketOf(trial);
    const auto bracket = brackets_.find(number);
    if (bracket == brackets_.end()) return "";
    const std::string standing = bracket->second.Explain(trial, names);
    return standing.empty() ? ""
                            : absl::StrCat(standing, "; bracket ", number + 1, " of ",
                                           bracket->second.size(), " trials");
  }

 private:
  // Brackets are counted from 0; `round_` trials make one of each shape.
  int64_t BracketOf(int64_t trial) const {
    int64_t bracket = trial / round_ * static_cast<int64_t>(shapes_.size());
    int64_t within = trial % round_;
    for (const Shape& shape : shapes_) {
      if (within < shape.survivors[0]) break;
      within -= shape.survivors[0];
      ++bracket;
    }
    return bracket;
  }
  Bracket& At(int64_t trial) {
    const int64_t number = BracketOf(trial);
    return brackets_.try_emplace(number, shapes_[static_cast<size_t>(number) % shapes_.size()])
        .first->second;
  }

  const std::vector<Shape> shapes_;
  int64_t round_ = 0;
  std::map<int64_t, Bracket> brackets_;
};

}  // namespace

std::unique_ptr<Scheduler> MakeHyperband(const v1::StudySpec& spec) {
  const v1::HyperbandScheduler& hyperband = spec.search().scheduler().hyperband();
  return std::make_unique<Hyperband>(
      Shapes(hyperband.first_epoch(), hyperband.eta(), spec.training().epochs()));
}

}  // namespace tpsweep::server
