// The loops of dynamic inversion over a network, and what keeps them stable while W learns.
//
//   ndi, di   one loop for each layer l = 2..L: inverts W[l] by B[l]
//   sldi      one loop, filed under layer L: inverts W[L]..W[2] by B_sldi
//
// State that must survive a checkpoint lives in fixed parameters: the matrices B[l]; with
// leak the alpha of each loop ("alpha2", 1 x 1), with rescale the factor of its feedback
// ("factor2"), and the updates since the last check ("stabilise_count").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "tpsweep/v1/measurement.pb.h"
#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/network.h"
#include "worker/trainer/rules/inversion_stability.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

template <class S>
class InversionLoops {
 public:
  struct Options {
    v1::FeedbackMatrix feedback;
    v1::Stabilise stabilise;
    double alpha = 0;
    std::optional<Euler> euler;  // none: steady states
    bool is_single = false;      // sldi
  };
  // Logs a warning that names the largest dt, where dt is beyond what is stable.
  InversionLoops(Options options, const Network<S>& network, uint64_t seed);

  // Loops are filed under the layers first()..L.
  int first() const { return first_; }
  const Matrix<S>& feedback(int l) const { return parameters_[Loop(l)].value; }
  double alpha(int l) const;
  double factor(int l) const;
  // W[l] alone, or W[2]..W[L].
  std::vector<const Matrix<S>*> Chain(const Network<S>& network, int l) const;
  absl::Span<Parameter<S>> parameters() { return absl::MakeSpan(parameters_); }

  // To be called once an update, before the loops run: stabilises them when it is time.
  // Returns why the run cannot go on; empty: it can.
  std::string Maintain(const Network<S>& network);

  // Why the run ends when the loop of layer l was found to diverge.
  std::string WhyDiverged(const Network<S>& network, int l) const;

  // QUANTITY_STABILITY and QUANTITY_FEEDBACK_ANGLE.
  void AddMeasurements(const Network<S>& network, absl::FunctionRef<bool(v1::Quantity)> asks,
                       v1::Measurement& measurement) const;

 private:
  size_t Loop(int l) const { return static_cast<size_t>(l - first_); }
  LoopSpectrum Spectrum(const Network<S>& network, int l) const;
  std::string MaintainLoop(const Network<S>& network, int l);
  bool IsDue();
  void WarnOfStep(const Network<S>& network) const;

  Options options_;
  int first_;
  size_t num_loops_;
  std::vector<Parameter<S>> parameters_;  // B of each loop, then alpha or factor of each, count
  std::string creation_failure_;
};

}  // namespace tpsweep::trainer
