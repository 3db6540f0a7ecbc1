// What the scripts of [DI] make of the error of each sample in each hidden layer: scaled to a
// norm before the layer updates its weights by it. What goes on to the layer below is not
// scaled, as their recorded numbers show. A norm is that of the error of one sample's own
// loss, B times what the mean over a mini-batch of B leaves of it.
#pragma once

#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

class HiddenErrors {
 public:
  explicit HiddenErrors(const v1::HiddenErrors& spec)
      : max_norm_(spec.max_norm()),
        normalise_(spec.normalise()),
        derivative_twice_(spec.derivative_twice()) {}

  // From the error of h[l], (n_l, B), delta, that of a[l].
  template <class S>
  void Differentiate(const Activation& s, const Matrix<S>& a, const Matrix<S>& h,
                     const Matrix<S>& error, Matrix<S>& delta) const;

  bool scales() const { return max_norm_ > 0; }
  template <class S>
  void Scale(Matrix<S>& delta) const;

 private:
  double max_norm_;  // 0: no bound
  bool normalise_, derivative_twice_;
};

}  // namespace tpsweep::trainer
