// The nonlinearities of forward and feedback paths.
#pragma once

#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

struct Activation {
  v1::Activation kind = v1::ACTIVATION_LINEAR;
  // What a negative input is multiplied by: leaky_relu and inverse_leaky_relu only.
  double slope = 1;
};

// Of that kind, with the slope of `spec`, which is complete.
Activation ActivationOf(v1::Activation kind, const v1::Network& spec);

// The inverse of s, which is linear or leaky_relu.
Activation InverseOf(const Activation& s);

// h = s(a). The two may be the same memory. Both are contiguous.
template <class S>
void Apply(const Activation& s, const ConstMatrixRef<S>& a, MatrixRef<S> h);

// y = factor x s'(a) entry by entry, where h = s(a); x and y may be the same memory. At a = 0, relu
// and the leaky kinds have derivative 1, as the code of [TF] has it.
template <class S>
void MultiplyByDerivative(const Activation& s, const ConstMatrixRef<S>& a,
                          const ConstMatrixRef<S>& h, S factor, const ConstMatrixRef<S>& x,
                          MatrixRef<S> y);
// d = d * s'(a).
template <class S>
void MultiplyByDerivative(const Activation& s, const ConstMatrixRef<S>& a,
                          const ConstMatrixRef<S>& h, MatrixRef<S> d);

}  // namespace tpsweep::trainer
