// Study specs with the search spaces that tests of samplers need. Complete, as
// validation leaves them.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

inline google::protobuf::Value Text(const std::string& text) {
  google::protobuf::Value value;
  value.set_string_value(text);
  return value;
}
inline google::protobuf::Value Number(double number) {
  google::protobuf::Value value;
  value.set_number_value(number);
  return value;
}
inline google::protobuf::Value Bool(bool is_true) {
  google::protobuf::Value value;
  value.set_bool_value(is_true);
  return value;
}

// A spec being written: SpaceBuilder().Choice("training.rule", {...}).Grid().
class SpaceBuilder {
 public:
  SpaceBuilder() {
    spec_.set_study("s");
    spec_.mutable_search()->set_seed(1);
    spec_.mutable_search()->set_replicates(1);
    spec_.mutable_budget()->set_trials(0);
  }

  SpaceBuilder& Linear(const std::string& path, double low, double high, int64_t points = 0) {
    return Interval(path, points, low, high, &v1::Parameter::mutable_linear);
  }
  SpaceBuilder& Log(const std::string& path, double low, double high, int64_t points = 0) {
    return Interval(path, points, low, high, &v1::Parameter::mutable_log);
  }
  SpaceBuilder& Integer(const std::string& path, double low, double high, int64_t points = 0) {
    return Interval(path, points, low, high, &v1::Parameter::mutable_integer);
  }
  SpaceBuilder& Choice(const std::string& path, std::vector<google::protobuf::Value> values) {
    for (auto& value : values) *Add(path).mutable_choice()->add_values() = std::move(value);
    return *this;
  }
  SpaceBuilder& Boolean(const std::string& path) {
    Add(path).mutable_boolean();
    return *this;
  }
  // A condition of the parameter added last.
  SpaceBuilder& When(const std::string& path, std::vector<google::protobuf::Value> values) {
    v1::Condition& condition = *spec_.mutable_space()->rbegin()->add_when();
    condition.set_path(path);
    for (auto& value : values) *condition.add_values() = std::move(value);
    return *this;
  }
  // The prior of the parameter added last.
  SpaceBuilder& Prior(google::protobuf::Value value, double trust) {
    *spec_.mutable_space()->rbegin()->mutable_prior() = std::move(value);
    spec_.mutable_space()->rbegin()->set_trust(trust);
    return *this;
  }
  // A configuration to be tried first.
  SpaceBuilder& First(std::vector<std::pair<std::string, google::protobuf::Value>> values) {
    v1::Configuration& first = *spec_.mutable_search()->add_first();
    for (auto& [path, value] : values) {
      v1::Assignment& assignment = *first.add_values();
      assignment.set_path(path);
      *assignment.mutable_value() = std::move(value);
    }
    return *this;
  }
  SpaceBuilder& Repeats() {
    spec_.mutable_search()->set_repeats(true);
    return *this;
  }
  SpaceBuilder& Constraint(const std::string& metric, double at_most) {
    v1::Constraint& constraint = *spec_.add_constraints();
    constraint.set_metric(metric);
    constraint.set_at_most(at_most);
    return *this;
  }
  SpaceBuilder& FurtherObjective(const std::string& metric, v1::Goal goal) {
    v1::Objective& objective = *spec_.add_further_objectives();
    objective.set_metric(metric);
    objective.set_goal(goal);
    return *this;
  }
  SpaceBuilder& Seed(uint64_t seed) {
    spec_.mutable_search()->set_seed(seed);
    return *this;
  }
  SpaceBuilder& Budget(int64_t trials) {
    spec_.mutable_budget()->set_trials(trials);
    return *this;
  }

  // The spec with a sampler of this kind, and room for `trials` trials if the
  // sampler does not know itself when to end.
  v1::StudySpec With(v1::Sampler::SamplerCase kind, int64_t trials) const {
    if (kind == v1::Sampler::kGrid) return Grid();
    v1::StudySpec spec = Random(trials);
    v1::Sampler& sampler = *spec.mutable_search()->mutable_sampler();
    const auto* member = v1::Sampler::descriptor()->FindFieldByNumber(kind);
    auto* chosen = sampler.GetReflection()->MutableMessage(&sampler, member);
    chosen->GetReflection()->SetInt64(chosen, chosen->GetDescriptor()->FindFieldByName("trials"),
                                      trials);
    if (sampler.has_tpe()) {
      sampler.mutable_tpe()->set_startup(10);
      sampler.mutable_tpe()->set_model(v1::TPE_MODEL_BOTH);
    }
    if (sampler.has_nsga2()) sampler.mutable_nsga2()->set_population(10);
    return spec;
  }
  v1::StudySpec Grid() const {
    v1::StudySpec spec = spec_;
    spec.mutable_search()->mutable_sampler()->mutable_grid();
    return spec;
  }
  v1::StudySpec Random(int64_t trials) const {
    v1::StudySpec spec = spec_;
    spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(trials);
    for (v1::Parameter& parameter : *spec.mutable_space()) parameter.clear_points();
    return spec;
  }

 private:
  v1::Parameter& Add(const std::string& path) {
    const bool is_new = spec_.space().empty() || spec_.space().rbegin()->path() != path;
    v1::Parameter& parameter = is_new ? *spec_.add_space() : *spec_.mutable_space()->rbegin();
    parameter.set_path(path);
    return parameter;
  }
  SpaceBuilder& Interval(const std::string& path, int64_t points, double low, double high,
                         v1::Interval* (v1::Parameter::*domain)()) {
    v1::Parameter& parameter = Add(path);
    if (points > 0) parameter.set_points(points);
    (parameter.*domain)()->set_low(low);
    (parameter.*domain)()->set_high(high);
    return *this;
  }

  v1::StudySpec spec_;
};

}  // namespace tpsweep::server
