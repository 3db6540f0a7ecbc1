// The exact gradient, for the rule `bp` and as the reference of other rules.
#pragma once

#include <vector>

#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// From the forward pass and the output error in `pass`, for l = 1..L:
//   dh[l] = d loss / d h[l],   delta[l] = d loss / d a[l]        both (n_l, B)
template <class S>
void Backpropagate(const Network<S>& network, const Pass<S>& pass, std::vector<Matrix<S>>& dh,
                   std::vector<Matrix<S>>& delta);

}  // namespace tpsweep::trainer
