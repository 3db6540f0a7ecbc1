#include "worker/trainer/initialiser.h"

#include <Eigen/QR>
#include <cmath>

#include "common/random.h"

namespace tpsweep::trainer {
namespace {

Matrix<double> NormalMatrix(Index rows, Index cols, RandomStream& random) {
  Matrix<double> draws(rows, cols);
  for (Index i = 0; i < draws.size(); ++i) draws.data()[i] = random.NextNormal();
  return draws;
}

// Uniformly distributed among the matrices with orthonormal columns (rows >= cols):
// the Q of a normal matrix, with the signs that make the diagonal of R positive.
Matrix<double> OrthonormalColumns(Index rows, Index cols, RandomStream& random) {
  const Eigen::HouseholderQR<Matrix<double>> qr(NormalMatrix(rows, cols, random));
  Matrix<double> q = qr.householderQ() * Matrix<double>::Identity(rows, cols);
  for (Index j = 0; j < cols; ++j) {
    if (qr.matrixQR()(j, j) < 0) q.col(j) *= -1;
  }
  return q;
}

}  // namespace

template <class S>
void Initialise(v1::Initialiser kind, uint64_t key, Matrix<S>& weights, Index fan_out) {
  const Index rows = weights.rows();
  const Index cols = weights.cols();
  const double fan_sum = static_cast<double>(cols + fan_out);
  RandomStream random(key);
  Matrix<double> draws(rows, cols);
  switch (kind) {
    case v1::INITIALISER_XAVIER_UNIFORM: {
      const double bound = std::sqrt(6.0 / fan_sum);
      for (Index i = 0; i < draws.size(); ++i) {
        draws.data()[i] = bound * (2 * random.NextUniform() - 1);
      }
      break;
    }
    case v1::INITIALISER_ORTHOGONAL:
      if (rows >= cols) {
        draws = OrthonormalColumns(rows, cols, random);
      } else {
        draws = OrthonormalColumns(cols, rows, random).transpose();
      }
      draws *= std::sqrt(6.0 / fan_sum);
      break;
    case v1::INITIALISER_TEACHER:
      draws = NormalMatrix(rows, cols, random) * (3 * std::sqrt(2.0 / fan_sum));
      break;
    default:  // xavier_normal
      draws = NormalMatrix(rows, cols, random) * std::sqrt(2.0 / fan_sum);
  }
  weights = draws.cast<S>();
}

template <class S>
void InitialiseFeedback(v1::Initialiser kind, uint64_t key, Matrix<S>& weights) {
  Initialise(kind == v1::INITIALISER_TEACHER ? v1::INITIALISER_XAVIER_NORMAL : kind, key, weights,
             weights.rows());
}

template void Initialise(v1::Initialiser, uint64_t, Matrix<float>&, Index);
template void Initialise(v1::Initialiser, uint64_t, Matrix<double>&, Index);
template void InitialiseFeedback(v1::Initialiser, uint64_t, Matrix<float>&);
template void InitialiseFeedback(v1::Initialiser, uint64_t, Matrix<double>&);

}  // namespace tpsweep::trainer
