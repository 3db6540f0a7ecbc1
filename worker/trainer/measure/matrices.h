// What the weight matrices of the dense layers are like, whatever the rule.
#pragma once

#include "tpsweep/v1/measurement.pb.h"
#include "worker/trainer/measure/subject.h"

namespace tpsweep::trainer {

// layer/weight_condition_number: largest over smallest singular value of W[l], infinite
// below full rank.
template <class S>
void AddWeightConditions(const Subject<S>& subject, v1::Measurement& measurement);

// layer/orthogonality_defect: the Frobenius norm of W^T W - I or W W^T - I, whichever is
// smaller; layer/orthogonality_offdiagonal: that of W^T W without its diagonal, the square
// root of what the regulariser lowers.
template <class S>
void AddOrthogonality(const Subject<S>& subject, v1::Measurement& measurement);

// layer/inverse_error: ||g_l(h[l]) - x|| / ||x||, x what the layer reads of h[l-1] and g_l its
// exact inverse; layers from 2 on that have one. Infinite where W[l] is singular.
template <class S>
void AddInverseErrors(const Subject<S>& subject, v1::Measurement& measurement);

}  // namespace tpsweep::trainer
