// Singular values alone, by LAPACK: for measurements of whole weight matrices, which are
// larger than what Eigen decomposes in bearable time.
#pragma once

#include <vector>

#include "worker/trainer/tensor.h"

namespace tpsweep::trainer {

// From the largest down, min(m, n) of `matrix` (m, n). Not numbers if it is not finite.
std::vector<double> SingularValues(Matrix<double> matrix);

}  // namespace tpsweep::trainer
