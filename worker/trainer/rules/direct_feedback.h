// What the rules with direct feedback share: the target of the output in the space of
// its pre-activations, and linear paths from there to the hidden layers.
//
//   B batch, n_l width of layer l, L layers, eta target step size
//   e     (n_L, B)     d loss / d h[L]; holds the 1/B of the mean
//   v     (n_L, B)     step of the output: s_L^{-1}(h[L] - eta e) - a[L]
//   Q[i]  (n_i, n_L)   feedback weights from the output to hidden layer i = 1..L-1
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// v, from the pass. Exactly 0 where e is. Outputs that are neither sigmoid nor tanh are
// taken as linear.
template <class S>
void SetPreactivationStep(const Network<S>& network, double eta, const Pass<S>& pass, Matrix<S>& v);

// Q1, Q2, ..., drawn from a stream of `seed` for each layer.
template <class S>
std::vector<Parameter<S>> MakeOutputMatrices(const v1::Network& spec, const Network<S>& network,
                                             uint64_t seed);

// All targets: D[L] = -eta e,  D[i] = Q[i] v,  T = h + D. `q` begins with Q1, Q2, ...; `v` is
// scratch.
template <class S>
void SetLinearTargets(const Network<S>& network, double eta, absl::Span<const Parameter<S>> q,
                      Pass<S>& pass, Matrix<S>& v);

}  // namespace tpsweep::trainer
