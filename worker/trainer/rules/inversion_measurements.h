// What the rules of [DI] measure of themselves (training.proto, quantities 14 to 19). Angles in
// degrees, means over samples. Functions that change nothing.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "tpsweep/v1/measurement.pb.h"
#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// A vector with one entry a layer, not a number where nothing was set.
class LayerValues {
 public:
  explicit LayerValues(int num_layers);
  void Set(int l, double value) { values_[static_cast<size_t>(l) - 1] = value; }
  // Leaves it out if no layer has anything.
  void AddTo(const std::string& name, v1::Measurement& measurement) const;

 private:
  std::vector<double> values_;
};

// Of B with minus the product of the transposes of `chain`, W[1..K].
template <class S>
double FeedbackAngle(absl::Span<const Matrix<S>* const> chain, const Matrix<S>& feedback);

// Of pass.delta[l] with s_l'(a[l]) * error.
template <class S>
double ErrorAngle(const Network<S>& network, const Pass<S>& pass, int l, Matrix<S> error);

// ||x - y|| / ||y||.
template <class S>
double RelativeDistance(const Matrix<S>& x, const Matrix<S>& y);

// layer/pbp_angle: of the hidden errors with s' W^+ delta of the layer above.
template <class S>
void AddPbpAngles(const Network<S>& network, const Pass<S>& pass, v1::Measurement& measurement);

}  // namespace tpsweep::trainer
