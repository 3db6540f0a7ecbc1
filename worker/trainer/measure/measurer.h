// Measures what a spec asks for on one mini-batch: one door to the quantities of this
// folder, which share what several of them need (backpropagation, Jacobians).
//
// It reads the network and the pass and changes nothing. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/jacobian.h"
#include "worker/trainer/measure/damping_search.h"
#include "worker/trainer/measure/subject.h"

namespace tpsweep::trainer {

template <class S>
class Measurer {
 public:
  // `spec` is complete and legal.
  Measurer(const v1::Measure& spec, int num_layers);

  bool Asks(v1::Quantity quantity) const;
  // Whether anything is measured on the mini-batch of forward step `step` (0, 1, ...).
  bool IsDue(int64_t step) const { return spec_.every() > 0 && step % spec_.every() == 0; }
  // Whether measured mini-batches have a measurement of their own: not if only a
  // damping search was asked for.
  bool Reports() const;
  // Such measurements before the one of forward step `step`.
  int64_t NumReportsBefore(int64_t step) const;

  // Adds the vectors (docs/learning_rules.md) to `measurement`, and to `search`, unless
  // null, the angles of this mini-batch.
  void Measure(const Subject<S>& subject, DampingSearch* search, v1::Measurement& measurement);

 private:
  void AddBackpropagation(const Subject<S>& subject, v1::Measurement& measurement);
  void AddGaussNewton(const Subject<S>& subject, DampingSearch* search,
                      v1::Measurement& measurement);

  const v1::Measure spec_;
  std::vector<double> damping_;  // of layer l at l - 1
  // Kept, so that measurements do not allocate.
  std::vector<Matrix<S>> activity_gradient_, delta_;
  Jacobians<S> jacobians_;
  SampleSteps steps_;
};

}  // namespace tpsweep::trainer
