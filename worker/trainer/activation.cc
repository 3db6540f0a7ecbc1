#include "worker/trainer/activation.h"

#include <algorithm>
#include <cmath>

#include "worker/trainer/kernels.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {

Activation ActivationOf(v1::Activation kind, const v1::Network& spec) {
  const double slope = spec.leaky_slope();
  return {kind, kind == v1::ACTIVATION_LEAKY_RELU           ? slope
                : kind == v1::ACTIVATION_INVERSE_LEAKY_RELU ? 1 / slope
                                                            : 1};
}

Activation InverseOf(const Activation& s) {
  if (s.kind != v1::ACTIVATION_LEAKY_RELU) return s;
  return {v1::ACTIVATION_INVERSE_LEAKY_RELU, 1 / s.slope};
}

template <class S>
void Apply(const Activation& s, const ConstMatrixRef<S>& a, MatrixRef<S> h) {
  const Kernels<S>& kernels = GetKernels<S>();
  ForShards(static_cast<size_t>(a.size()), [&](size_t begin, size_t end) {
    const size_t n = end - begin;
    const S* in = a.data() + begin;
    S* out = h.data() + begin;
    switch (s.kind) {
      case v1::ACTIVATION_TANH:
        return kernels.tanh(n, in, out);
      case v1::ACTIVATION_SIGMOID:
        return kernels.sigmoid(n, in, out);
      case v1::ACTIVATION_RELU:
        return kernels.relu(n, in, out);
      case v1::ACTIVATION_LEAKY_RELU:
      case v1::ACTIVATION_INVERSE_LEAKY_RELU:
        return kernels.leaky_relu(n, static_cast<S>(s.slope), in, out);
      case v1::ACTIVATION_LOGIT:
        for (size_t i = 0; i < n; ++i) out[i] = std::log(in[i] / (1 - in[i]));
        return;
      default:  // linear
        if (in != out) std::copy(in, in + n, out);
    }
  });
}

template <class S>
void MultiplyByDerivative(const Activation& s, const ConstMatrixRef<S>& a,
                          const ConstMatrixRef<S>& h, S factor, const ConstMatrixRef<S>& x,
                          MatrixRef<S> y) {
  const Kernels<S>& kernels = GetKernels<S>();
  ForShards(static_cast<size_t>(y.size()), [&](size_t begin, size_t end) {
    const size_t n = end - begin;
    const S* a_in = a.data() + begin;
    const S* h_in = h.data() + begin;
    const S* in = x.data() + begin;
    S* out = y.data() + begin;
    switch (s.kind) {
      case v1::ACTIVATION_TANH:
        return kernels.tanh_derivative(n, h_in, factor, in, out);
      case v1::ACTIVATION_SIGMOID:
        return kernels.sigmoid_derivative(n, h_in, factor, in, out);
      case v1::ACTIVATION_RELU:
        return kernels.leaky_relu_derivative(n, 0, a_in, factor, in, out);
      case v1::ACTIVATION_LEAKY_RELU:
      case v1::ACTIVATION_INVERSE_LEAKY_RELU:
        return kernels.leaky_relu_derivative(n, static_cast<S>(s.slope), a_in, factor, in, out);
      case v1::ACTIVATION_LOGIT:
        for (size_t i = 0; i < n; ++i) out[i] = factor * in[i] / (a_in[i] * (1 - a_in[i]));
        return;
      default:  // linear
        if (factor != 1 || in != out) kernels.scale(n, factor, in, out);
    }
  });
}

template <class S>
void MultiplyByDerivative(const Activation& s, const ConstMatrixRef<S>& a,
                          const ConstMatrixRef<S>& h, MatrixRef<S> d) {
  MultiplyByDerivative<S>(s, a, h, 1, d, d);
}

template void Apply(const Activation&, const ConstMatrixRef<float>&, MatrixRef<float>);
template void Apply(const Activation&, const ConstMatrixRef<double>&, MatrixRef<double>);
template void MultiplyByDerivative(const Activation&, const ConstMatrixRef<float>&,
                                   const ConstMatrixRef<float>&, MatrixRef<float>);
template void MultiplyByDerivative(const Activation&, const ConstMatrixRef<float>&,
                                   const ConstMatrixRef<float>&, float,
                                   const ConstMatrixRef<float>&, MatrixRef<float>);
template void MultiplyByDerivative(const Activation&, const ConstMatrixRef<double>&,
                                   const ConstMatrixRef<double>&, MatrixRef<double>);
template void MultiplyByDerivative(const Activation&, const ConstMatrixRef<double>&,
                                   const ConstMatrixRef<double>&, double,
                                   const ConstMatrixRef<double>&, MatrixRef<double>);

}  // namespace tpsweep::trainer
