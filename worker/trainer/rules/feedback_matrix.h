// The fixed feedback matrices of the rules of [DI].
//
//   W[l] (n_l, n_{l-1}),  B[l] (n_{l-1}, n_l) from layer l to layer l-1, l = 2..L
//   random              U(-bound, bound)
//   negative_transpose  -scale W[l]^T of the initial W[l]
//   optimised           U(-bound, bound), moved until the dynamics without leak are stable
//   sldi: one matrix (n_1, n_L) in their place, -((-B[2]) (-B[3]) .. (-B[L])), negative
//   where the B[l] are: as the authors' code for L = 3, and B[2] for L = 2
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tpsweep/v1/training.pb.h"
#include "worker/trainer/network.h"
#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

template <class S>
struct FeedbackMatrices {
  std::vector<Parameter<S>> matrices;  // B2, B3, ..., of layer l; or B_sldi alone, of layer L
  std::string why_infeasible;          // optimised: which one could not be made, and why
};

// `ssa` is for the kind optimised. Each layer has a stream of `seed` of its own.
template <class S>
FeedbackMatrices<S> MakeFeedbackMatrices(const v1::FeedbackMatrix& spec, const v1::Ssa& ssa,
                                         const Network<S>& network, uint64_t seed);
template <class S>
FeedbackMatrices<S> MakeSingleLoopMatrix(const v1::FeedbackMatrix& spec, const v1::Ssa& ssa,
                                         const Network<S>& network, uint64_t seed);

}  // namespace tpsweep::trainer
