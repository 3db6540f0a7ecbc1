// Source: Jaderberg et al., "Population Based Training of Neural Networks" (2017), section
// 3.2: each hyperparameter is multiplied by 1.2 or 0.8, or drawn anew.
#include "server/search/perturbation.h"

#include <algorithm>

#include "common/random.h"
#include "common/spec/search_checks.h"

namespace tpsweep::server {
namespace {

// What the numbers of one parameter are for.
enum Purpose : uint32_t { kWhether, kDirection, kValue };

// `value`, one step up or down within the interval. Where it is at the end already the
// step goes the other way, so that it is always another.
double Step(const v1::Interval& interval, double by, bool is_up, double value) {
  const auto moved = [&](bool up) {
    const double step = up ? by : -by;
    const double to =
        interval.low() < 0 ? value + step * (interval.high() - interval.low()) : value * (1 + step);
    return std::clamp(to, interval.low(), interval.high());
  };
  const double to = moved(is_up);
  return to == value ? moved(!is_up) : to;
}

}  // namespace

Configuration Perturb(const SearchSpace& space, const v1::PbtScheduler& pbt, uint64_t seed,
                      int64_t number, const v1::Trial& parent) {
  const uint64_t key = DeriveSeed(seed, "pbt perturbation");
  Configuration configuration(parent.parameters().begin(), parent.parameters().end());
  auto assignment = configuration.begin();  // both in the order of the space
  for (int i = 0; i < space.size(); ++i) {
    const v1::Parameter& parameter = space.parameter(i);
    if (assignment == configuration.end() || assignment->path() != parameter.path()) continue;
    google::protobuf::Value& value = *(assignment++)->mutable_value();
    if (!spec::IsPerturbed(parameter)) continue;
    const auto uniform = [&](Purpose purpose) {
      return UniformAt(key, number, static_cast<uint32_t>(i), purpose);
    };
    const v1::Interval& interval = parameter.has_log() ? parameter.log() : parameter.linear();
    const double before = value.number_value();
    if (uniform(kWhether) >= pbt.resample()) {
      value.set_number_value(Step(interval, pbt.perturb_by(), uniform(kDirection) < 0.5, before));
    }
    // Nothing multiplies 0.
    if (value.number_value() == before) {
      value = space.axis(i).ToValue(space.axis(i).Draw(uniform(kValue)));
    }
  }
  return configuration;
}

}  // namespace tpsweep::server
