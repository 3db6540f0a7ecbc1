#include "worker/trainer/initialiser.h"

#include <Eigen/QR>
#include <cmath>

#include "common/random.h"
#include "worker/trainer/kernels.h"

namespace tpsweep::trainer {
namespace {

Matrix<double> NormalMatrix(Index rows, Index cols, uint64_t key) {
  Matrix<double> draws(rows, cols);
  GetKernels<double>().gaussian(static_cast<size_t>(draws.size()), key, /*step=*/0, /*layer=*/0,
                                /*first_block=*/0, /*sigma=*/1, draws.data());
  return draws;
}

// Uniformly distributed among the matrices with orthonormal columns (rows >= cols):
// the Q of a normal matrix, with the signs that make the diagonal of R positive.
Matrix<double> OrthonormalColumns(Index rows, Index cols, uint64_t key) {
  const Eigen::HouseholderQR<Matrix<double>> qr(NormalMatrix(rows, cols, key));
  Matrix<double> q = qr.householderQ() * Matrix<double>::Identity(rows, cols);
  for (Index j = 0; j < cols; ++j) {
    if (qr.matrixQR()(j, j) < 0) q.col(j) *= -1;
  }
  return q;
}

// Orthonormal columns, or rows of a wide matrix.
Matrix<double> Orthonormal(Index rows, Index cols, uint64_t key) {
  if (rows >= cols) return OrthonormalColumns(rows, cols, key);
  return OrthonormalColumns(cols, rows, key).transpose();
}

Matrix<double> UniformMatrix(Index rows, Index cols, double bound, uint64_t key) {
  RandomStream random(key);
  Matrix<double> draws(rows, cols);
  for (Index i = 0; i < draws.size(); ++i) {
    draws.data()[i] = bound * (2 * random.NextUniform() - 1);
  }
  return draws;
}

}  // namespace

template <class S>
void Initialise(const v1::Network& spec, uint64_t key, Matrix<S>& weights, Index fan_out) {
  const Index rows = weights.rows();
  const Index cols = weights.cols();
  const double fan_sum = static_cast<double>(cols + fan_out);
  Matrix<double> draws(rows, cols);
  switch (spec.initialiser()) {
    case v1::INITIALISER_XAVIER_UNIFORM:
      draws = UniformMatrix(rows, cols, std::sqrt(6.0 / fan_sum), key);
      break;
    case v1::INITIALISER_UNIFORM:
      draws = UniformMatrix(rows, cols, spec.uniform_bound(), key);
      break;
    case v1::INITIALISER_ORTHOGONAL:
      draws = Orthonormal(rows, cols, key) * std::sqrt(6.0 / fan_sum);
      break;
    case v1::INITIALISER_HAAR:
      draws = Orthonormal(rows, cols, key);
      break;
    case v1::INITIALISER_TEACHER:
      draws = NormalMatrix(rows, cols, key) * (3 * std::sqrt(2.0 / fan_sum));
      break;
    default:  // xavier_normal
      draws = NormalMatrix(rows, cols, key) * std::sqrt(2.0 / fan_sum);
  }
  weights = draws.cast<S>();
}

template <class S>
void InitialiseFeedback(const v1::Network& spec, uint64_t key, Matrix<S>& weights) {
  v1::Network feedback;
  feedback.set_initialiser(spec.initialiser() == v1::INITIALISER_TEACHER
                               ? v1::INITIALISER_XAVIER_NORMAL
                               : spec.initialiser());
  feedback.set_uniform_bound(spec.uniform_bound());
  Initialise(feedback, key, weights, weights.rows());
}

template void Initialise(const v1::Network&, uint64_t, Matrix<float>&, Index);
template void Initialise(const v1::Network&, uint64_t, Matrix<double>&, Index);
template void InitialiseFeedback(const v1::Network&, uint64_t, Matrix<float>&);
template void InitialiseFeedback(const v1::Network&, uint64_t, Matrix<double>&);

}  // namespace tpsweep::trainer
