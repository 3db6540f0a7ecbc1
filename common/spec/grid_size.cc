#include "common/spec/grid_size.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace tpsweep::spec {
namespace {

double ValueCount(const v1::Parameter& parameter) {
  switch (parameter.domain_case()) {
    case v1::Parameter::kLinear:
    case v1::Parameter::kLog:
      return parameter.has_points() ? static_cast<double>(parameter.points())
                                    : std::numeric_limits<double>::infinity();
    case v1::Parameter::kInteger:
      return parameter.has_points() ? static_cast<double>(parameter.points())
                                    : parameter.integer().high() - parameter.integer().low() + 1;
    case v1::Parameter::kChoice:
      return parameter.choice().values_size();
    case v1::Parameter::kBoolean:
      return 2;
    case v1::Parameter::DOMAIN_NOT_SET:
      break;
  }
  return 1;
}

// A parameter and, if conditions name it, the values they name; all its other
// values are alike.
struct Dimension {
  double count = 1;
  std::vector<std::string> named;
};

constexpr int kAbsent = -1;

class Counter {
 public:
  explicit Counter(const Space& space)
      : space_(space), dimensions_(static_cast<size_t>(space.size())) {
    std::vector<absl::flat_hash_set<std::string>> named(dimensions_.size());
    for (int i = 0; i < space.size(); ++i) {
      dimensions_[At(i)].count = ValueCount(space.parameter(i));
      for (const Space::Condition& condition : space.conditions(i)) {
        named[At(condition.parameter)].insert(condition.values.begin(), condition.values.end());
      }
    }
    for (int i = 0; i < space.size(); ++i) {
      dimensions_[At(i)].named.assign(named[At(i)].begin(), named[At(i)].end());
      Order(i);
    }
  }

  double Count() {
    constexpr double kMostBranches = 10000;
    double branches = 1;
    double product = 1;
    for (const Dimension& dimension : dimensions_) {
      branches *= dimension.named.empty() ? 1 : static_cast<double>(dimension.named.size() + 1);
      product *= dimension.count;
    }
    if (branches > kMostBranches) return product;
    chosen_.assign(dimensions_.size(), kAbsent);
    return CountFrom(0);
  }

 private:
  static size_t At(int i) { return static_cast<size_t>(i); }

  // Every dimension after those its conditions name.
  void Order(int i) {
    if (!ordered_.insert(i).second) return;
    for (const Space::Condition& condition : space_.conditions(i)) Order(condition.parameter);
    order_.push_back(i);
  }

  bool Exists(int i) const {
    for (const Space::Condition& condition : space_.conditions(i)) {
      const std::vector<std::string>& named = dimensions_[At(condition.parameter)].named;
      const int chosen = chosen_[At(condition.parameter)];
      if (chosen == kAbsent || chosen == static_cast<int>(named.size())) return false;
      if (!condition.values.contains(named[At(chosen)])) return false;
    }
    return true;
  }

  // Configurations of the dimensions order_[at..], the earlier ones being chosen.
  double CountFrom(size_t at) {
    double factor = 1;
    for (; at < order_.size(); ++at) {
      const int i = order_[at];
      const Dimension& dimension = dimensions_[At(i)];
      int& chosen = chosen_[At(i)];
      chosen = kAbsent;
      if (!Exists(i)) continue;
      if (dimension.named.empty()) {
        factor *= dimension.count;
        continue;
      }
      double sum = 0;
      for (chosen = 0; chosen < static_cast<int>(dimension.named.size()); ++chosen) {
        sum += CountFrom(at + 1);
      }
      const double others = dimension.count - static_cast<double>(dimension.named.size());
      if (others > 0) sum += others * CountFrom(at + 1);
      return factor * sum;
    }
    return factor;
  }

  const Space& space_;
  std::vector<Dimension> dimensions_;
  absl::flat_hash_set<int> ordered_;
  std::vector<int> order_;
  std::vector<int> chosen_;  // index into named; named.size(): another value
};

}  // namespace

double GridSize(const Space& space) { return Counter(space).Count(); }

double SamplerTrials(const v1::Sampler& sampler) {
  switch (sampler.sampler_case()) {
    case v1::Sampler::kRandom:
      return static_cast<double>(sampler.random().trials());
    case v1::Sampler::kSobol:
      return static_cast<double>(sampler.sobol().trials());
    case v1::Sampler::kTpe:
      return static_cast<double>(sampler.tpe().trials());
    case v1::Sampler::kGp:
      return static_cast<double>(sampler.gp().trials());
    case v1::Sampler::kCmaEs:
      return static_cast<double>(sampler.cma_es().trials());
    case v1::Sampler::kNsga2:
      return static_cast<double>(sampler.nsga2().trials());
    case v1::Sampler::kGrid:
    case v1::Sampler::SAMPLER_NOT_SET:
      break;
  }
  return INFINITY;
}

int64_t TrialCount(const v1::StudySpec& spec) {
  double trials = SamplerTrials(spec.search().sampler());
  if (!spec.search().repeats() || spec.search().sampler().has_grid()) {
    trials = std::min(trials, GridSize(Space(spec)));
  }
  if (spec.search().scheduler().has_pbt()) {
    trials = std::min(trials, static_cast<double>(spec.search().scheduler().pbt().population()));
  }
  if (spec.budget().trials() > 0) {
    trials = std::min(trials, static_cast<double>(spec.budget().trials()));
  }
  return static_cast<int64_t>(trials);
}

}  // namespace tpsweep::spec
