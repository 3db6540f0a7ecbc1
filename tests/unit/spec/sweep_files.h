// A sweep file that several tests read.
#pragma once

namespace tpsweep::spec {

// As a first user would write it: three rules, each with its own hyperparameters.
constexpr char kComparison[] = R"(study: fashion-mnist-first-look
objective: {metric: validation/error, goal: minimize}
training:
  dataset: {name: fashion-mnist, validation: 5000}
  network: {hidden: [256, 256, 256], activation: tanh}
  epochs: 3
  batch_size: 128
search:
  sampler: {random: {trials: 12}}
  replicates: 2
space:
  training.rule: {choice: [bp, dtp, ddtp_linear]}
  training.forward.lr: {log: [1.0e-5, 1.0e-2]}
  training.rule.dtp.sigma: {log: [0.01, 0.3], when: {training.rule: dtp}}
)";

}  // namespace tpsweep::spec
