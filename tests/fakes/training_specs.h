// Complete training specs for the synthetic data sets, without common/spec: the
// trainer's tests stand on the trainer alone.
#pragma once

#include <string>

#include "tests/fakes/rule_specs.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep {

// The data set `name` as it is in its files.
inline v1::Dataset NamedDataSet(const std::string& name) {
  v1::Dataset spec;
  spec.set_name(name);
  return spec;
}

// The regression task, small: 3 inputs, 2 outputs.
inline v1::Dataset SmallStudentTeacher() {
  v1::Dataset spec = NamedDataSet("student-teacher");
  spec.set_validation(20);
  spec.set_normalisation(v1::NORMALISATION_PRESET);
  spec.set_train_samples(0);
  spec.set_test_samples(0);
  v1::StudentTeacher& task = *spec.mutable_student_teacher();
  task.set_inputs(3);
  task.set_outputs(2);
  task.add_teacher_hidden(10);
  task.add_teacher_hidden(8);
  task.set_train(100);
  task.set_test(30);
  task.set_seed(42);
  return spec;
}

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
    adam.set_bias_correction(true);
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
  spec.set_shuffle(true);
  spec.set_threads_per_run(1);
  return spec;
}

}  // namespace tpsweep
