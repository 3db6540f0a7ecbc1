// Complete training specs for the synthetic data sets, without common/spec: the
// trainer's tests stand on the trainer alone.
#pragma once

#include <string>

#include "tests/fakes/rule_specs.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// As the door would complete it: every field that has a default is set.
inline v1::TrainingSpec SmallSpec(const std::string& rule, const std::string& data_set = "toy") {
  v1::TrainingSpec spec;
  auto& dataset = *spec.mutable_dataset();
  dataset.set_name(data_set);
  dataset.set_validation(20);
  dataset.set_normalisation(v1::NORMALISATION_PRESET);
  dataset.set_train_samples(0);
  dataset.set_test_samples(0);
  auto& network = *spec.mutable_network();
  network.add_hidden(12);
  network.add_hidden(9);
  network.set_activation(v1::ACTIVATION_TANH);
  network.set_output_activation(v1::ACTIVATION_LINEAR);
  network.set_leaky_slope(0.2);
  network.set_initialiser(v1::INITIALISER_XAVIER_NORMAL);
  network.set_bias(true);
  spec.set_loss(v1::LOSS_CROSS_ENTROPY);
  spec.set_soft_target(0.9);
  SetRule(rule, spec);
  for (v1::Optimiser* optimiser : {spec.mutable_forward(), spec.mutable_feedback()}) {
    optimiser->add_lr(0.005);
    optimiser->set_weight_decay(0);
    auto& adam = *optimiser->mutable_adam();
    adam.set_beta1(0.9);
    adam.set_beta2(0.999);
    adam.add_epsilon(1e-8);
  }
  auto& schedule = *spec.mutable_feedback_schedule();
  schedule.set_pretraining_epochs(0);
  schedule.set_extra_minibatches(0);
  schedule.set_extra_epochs(0);
  schedule.set_frozen(false);
  spec.set_normalize_lr(false);
  spec.set_batch_size(16);
  spec.set_epochs(3);
  spec.set_precision(v1::PRECISION_FLOAT32);
  spec.set_seed(1);
  spec.set_threads_per_run(1);
  return spec;
}

}  // namespace tpsweep
