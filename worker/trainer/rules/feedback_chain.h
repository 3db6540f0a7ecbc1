// Layerwise feedback: what dtp and dtpdrl share.
//
//   B batch, n_l width of layer l, L layers, eta target step size
//   h[l]   (n_l, B)          activities
//   e      (n_L, B)          d loss / d h[L]; holds the 1/B of the mean
//   T[l]   (n_l, B)          target of h[l];  D[l] = T[l] - h[l]
//   Q[k]   (n_{k-1}, n_k)    feedback weights, k = 2..L;  d[k] (n_{k-1}) biases
//   g_k(y) = t(Q[k] y + d[k])
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "worker/trainer/activation.h"
#include "worker/trainer/network.h"
#include "worker/trainer/scratch.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

template <class S>
class FeedbackChain {
 public:
  // Weights are drawn from a stream of `seed` for each layer; biases start at 0.
  FeedbackChain(const v1::Network& spec, Activation t, bool has_bias, const Network<S>& network,
                uint64_t seed);

  absl::Span<Parameter<S>> parameters() { return absl::MakeSpan(parameters_); }
  const Activation& t() const { return t_; }

  // z = Q[k] y + d[k],  g = t(z), on any number of columns.
  void Evaluate(int k, const ConstMatrixRef<S>& y, MatrixRef<S> z, MatrixRef<S> g) const;

  // The gradients of Q[k] and d[k] from dz = d loss / d z: dQ = dz y^T, dd = sum of columns.
  void SetGradient(int k, const ConstMatrixRef<S>& dz, const ConstMatrixRef<S>& y);

  // Where to put z and g, both (n_{k-1}, B); they may be the same memory.
  struct Evaluation {
    MatrixRef<S> z, g;
  };
  // All targets: D[L] = -eta e,  D[k-1] = g_k(T[k]) - g_k(h[k]),  T = h + D. In this order
  // of operations no error gives exactly no update. What is evaluated at h[k] goes to clean(k),
  // asked for each k from L down to 2.
  void SetTargets(double eta, Pass<S>& pass, absl::FunctionRef<Evaluation(int k)> clean);

 private:
  const Parameter<S>& Q(int k) const {
    return parameters_[static_cast<size_t>(k - 2) * (has_bias_ ? 2 : 1)];
  }
  Parameter<S>& Q(int k) { return parameters_[static_cast<size_t>(k - 2) * (has_bias_ ? 2 : 1)]; }
  // Null if there are none.
  const Parameter<S>* d(int k) const { return has_bias_ ? &Q(k) + 1 : nullptr; }
  Parameter<S>* d(int k) { return has_bias_ ? &Q(k) + 1 : nullptr; }

  Activation t_;
  bool has_bias_;
  std::vector<Parameter<S>> parameters_;  // Q2, d2, Q3, d3, ...
  // Of one layer after the other.
  Scratch<S> target_;    // (n_k, B) T[k]
  Scratch<S> g_target_;  // (n_{k-1}, B) g_k(T[k])
};

}  // namespace tpsweep::trainer
