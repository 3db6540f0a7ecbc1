// Recordings that tests need.
#pragma once

#include <cmath>
#include <cstdint>

#include "tests/fakes/search_specs.h"
#include "tpsweep/v1/recording.pb.h"

namespace tpsweep::server {

constexpr int kRecordedEpochs = 9;

// Of one parameter, the learning rate: the objective falls towards the distance of its
// logarithm from that of 1e-3. Curves do not cross.
inline double ObjectiveOf(double lr, int64_t epoch) {
  return std::abs(std::log10(lr) + 3) + 1 / static_cast<double>(epoch);
}

inline v1::Recording MakeRecording(int trials) {
  v1::Recording recording;
  v1::StudySpec& spec = *recording.mutable_spec();
  spec.set_study("recorded");
  spec.mutable_training()->mutable_dataset()->set_name("mnist");
  spec.mutable_training()->mutable_bp();
  spec.mutable_training()->set_epochs(kRecordedEpochs);
  v1::Parameter& parameter = *spec.add_space();
  parameter.set_path("training.forward.lr");
  parameter.mutable_log()->set_low(1e-5);
  parameter.mutable_log()->set_high(1e-1);
  spec.mutable_search()->mutable_sampler()->mutable_random()->set_trials(trials);
  for (int i = 0; i < trials; ++i) {
    const double lr = std::pow(10, -5 + 4.0 * i / (trials - 1));
    v1::Curve& curve = *recording.add_curves();
    curve.set_trial(i);
    v1::Assignment& assignment = *curve.add_parameters();
    assignment.set_path("training.forward.lr");
    *assignment.mutable_value() = Number(lr);
    for (int epoch = 1; epoch <= kRecordedEpochs; ++epoch) {
      curve.add_objective(ObjectiveOf(lr, epoch));
    }
    curve.set_epoch_seconds(2);
  }
  return recording;
}

}  // namespace tpsweep::server
