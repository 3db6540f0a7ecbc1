// A study in virtual time: its sampler, scheduler, budgets and races as they are, with
// imaginary workers and runs whose measurements come from a function. For `tpsweep
// preview`, and to judge changes to samplers and schedulers in seconds.
//
// Pure: the same arguments give the same simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

struct SimulationOptions {
  int slots = 1;
  // What the objective is for a run of `trial` after `epoch` epochs; not a number: the
  // run diverges there.
  std::function<double(const v1::Trial& trial, int64_t replicate, int64_t epoch)> objective;
  // Seconds that an epoch takes. Positive.
  std::function<double(const v1::Trial& trial)> epoch_seconds = [](const v1::Trial&) {
    return 1.0;
  };
};

struct Simulation {
  // The trials as the study would have them at its end.
  std::vector<v1::Trial> trials;
  // Epochs trained by all runs, and the time all of it takes.
  int64_t epochs = 0;
  int64_t runs = 0;
  double core_seconds = 0;
  double seconds = 0;
  // When what was the best objective of a run at its end (of those that are trained to
  // training.epochs) became better: after so many epochs, so much time.
  struct Step {
    int64_t epochs;
    double seconds;
    int64_t trial;
  };
  std::vector<Step> incumbents;
};

// `spec` is complete and legal.
Simulation Simulate(const v1::StudySpec& spec, const SimulationOptions& options);

}  // namespace tpsweep::server
