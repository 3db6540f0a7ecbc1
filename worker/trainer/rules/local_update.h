// What all target-propagation rules share: the output target, and the update of
// each layer from its own target. [TF] section 2 and the authors' code.
//
//   B batch, L layers, eta target step size, e = d loss / d h[L] (holds 1/B)
//   D[l]  (n_l, B)   displacement T[l] - h[l], T[l] the target of h[l]
#pragma once

#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// D[L] = -eta e. Also gives the D of all layers their shapes.
template <class S>
void SetOutputTarget(double eta, Pass<S>& pass);

// The gradient of the local losses ||h[l] - T[l]||^2 (no 1/2), with T[l] and h[l-1]
// held constant, as a mean over the batch:
//   delta[l] = -2/B s_l'(a[l]) * D[l],   dW[l] = delta[l] h[l-1]^T,   db[l] = sum over B of
//   delta[l]
// The 1/B comes on top of the one in e, as in the authors' code. In convolutional
// layers that code takes the mean over the units of the pooled maps too: 2/(B n_l)
// in the place of 2/B.
template <class S>
void ComputeLocalGradients(Network<S>& network, Pass<S>& pass);

}  // namespace tpsweep::trainer
