#include "worker/trainer/rules/inversion_stability.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/functional/function_ref.h"
#include "worker/trainer/dense_solve.h"
#include "worker/trainer/gemm.h"

namespace tpsweep::trainer {
namespace {

using Complex = std::complex<double>;

// The eigenvalues of a 2 x 2 matrix.
std::pair<Complex, Complex> EigenvaluesOf(Complex trace, Complex determinant) {
  const Complex root = std::sqrt(trace * trace / 4.0 - determinant);
  return {trace / 2.0 + root, trace / 2.0 - root};
}

// For K > 1: of (r[1], ..., r[K], u) with r[1] driven by mu u.
ComplexMatrix ReducedLoop(int num_estimates, Complex mu, double alpha) {
  ComplexMatrix loop = ComplexMatrix::Zero(num_estimates + 1, num_estimates + 1);
  for (Index k = 0; k < num_estimates; ++k) {
    loop(k, k) = -1;
    loop(k + 1, k) = 1;
  }
  loop(num_estimates, num_estimates) = -alpha;
  loop(0, num_estimates) = mu;
  return loop;
}

// One step from the reduced loop. In turn, in the order r[1], ..., r[K], u; where a step
// begins makes no difference to its eigenvalues.
ComplexMatrix ReducedStep(const ComplexMatrix& loop, const Euler& euler) {
  ComplexMatrix step = ComplexMatrix::Identity(loop.rows(), loop.cols());
  if (euler.order != v1::EULER_ORDER_IN_TURN) return step + euler.dt * loop;
  for (Index i = 0; i < loop.rows(); ++i) {
    const Eigen::RowVectorXcd change = loop.row(i) * step;
    step.row(i) += euler.dt * change;
  }
  return step;
}

Eigen::VectorXcd EigenvaluesOf(const ComplexMatrix& m) {
  return Eigen::ComplexEigenSolver<ComplexMatrix>(m, /*computeEigenvectors=*/false).eigenvalues();
}

bool IsFinite(const LoopSpectrum& loop) {
  return std::all_of(loop.mu.begin(), loop.mu.end(), [](Complex mu) {
    return std::isfinite(mu.real()) && std::isfinite(mu.imag());
  });
}

// The largest value of at most `limit` that will do, by halves and then by bisection; nothing
// if it would be a trillion times smaller.
std::optional<double> LargestBelow(double limit, absl::FunctionRef<bool(double)> will_do) {
  double low = limit;
  while (!will_do(low)) {
    low /= 2;
    if (low < 1e-12 * limit) return std::nullopt;
  }
  if (low == limit) return limit;
  double high = 2 * low;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (will_do(middle) ? low : high) = middle;
  }
  return low;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

template <class S>
LoopSpectrum SpectrumOf(absl::Span<const Matrix<S>* const> chain, const Matrix<S>& feedback) {
  LoopSpectrum loop;
  loop.num_estimates = static_cast<int>(chain.size());
  const Index outputs = feedback.cols();
  const Index seen = std::min(outputs, feedback.rows());
  loop.has_free_controllers = outputs > seen;
  for (const Matrix<S>* w : chain) {
    if (w->cols() > seen) loop.has_free_estimates = true;
  }
  // W[K]..W[1] B or B W[K]..W[1], whichever is smaller: but for zeros they have the same.
  const bool is_outputs = outputs <= feedback.rows();
  Matrix<S> product = feedback, next;
  for (size_t i = 0; i < chain.size(); ++i) {
    const Matrix<S>& w = is_outputs ? *chain[i] : *chain[chain.size() - 1 - i];
    next.resize(is_outputs ? w.rows() : product.rows(), is_outputs ? product.cols() : w.cols());
    Gemm<S>(Transpose::kNo, is_outputs ? w : product, Transpose::kNo, is_outputs ? product : w, 1,
            0, next);
    product.swap(next);
  }
  loop.mu = Eigenvalues(product.template cast<double>());
  return loop;
}

double SpectralAbscissa(const LoopSpectrum& loop, double alpha, double factor) {
  if (!IsFinite(loop)) return kInfinity;
  double abscissa = loop.has_free_estimates ? -1 : -kInfinity;
  if (loop.has_free_controllers) abscissa = std::max(abscissa, -alpha);
  for (const Complex mu : loop.mu) {
    if (loop.num_estimates == 1) {
      const Complex root = std::sqrt((1 - alpha) * (1 - alpha) + 4 * factor * mu);
      abscissa = std::max(abscissa, (root.real() - (1 + alpha)) / 2);
    } else {
      const auto values = EigenvaluesOf(ReducedLoop(loop.num_estimates, factor * mu, alpha));
      abscissa = std::max(abscissa, values.real().maxCoeff());
    }
  }
  return abscissa;
}

double EulerRadius(const LoopSpectrum& loop, double alpha, double factor, const Euler& euler) {
  if (!IsFinite(loop)) return kInfinity;
  double radius = loop.has_free_estimates ? std::abs(1 - euler.dt) : 0;
  if (loop.has_free_controllers) radius = std::max(radius, std::abs(1 - euler.dt * alpha));
  for (const Complex mu : loop.mu) {
    const ComplexMatrix step =
        ReducedStep(ReducedLoop(loop.num_estimates, factor * mu, alpha), euler);
    if (loop.num_estimates == 1) {
      const auto [a, b] =
          EigenvaluesOf(step(0, 0) + step(1, 1), step(0, 0) * step(1, 1) - step(0, 1) * step(1, 0));
      radius = std::max({radius, std::abs(a), std::abs(b)});
    } else {
      radius = std::max(radius, EigenvaluesOf(step).cwiseAbs().maxCoeff());
    }
  }
  return radius;
}

bool IsStable(Complex mu, double alpha) {
  return (1 + alpha) * (1 + alpha) * (alpha - mu.real()) > mu.imag() * mu.imag();
}

double SmallestStableLeak(const LoopSpectrum& loop, double least) {
  const auto is_stable = [&loop](double alpha) {
    return SpectralAbscissa(loop, alpha) <= kStableAbscissa;
  };
  if (is_stable(least)) return least;
  double low = least;
  double high = std::max(1.0, 2 * least);
  while (!is_stable(high) && high < 1e300) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (is_stable(middle) ? high : low) = middle;
  }
  return high;
}

std::optional<double> LargestStableFactor(const LoopSpectrum& loop, double alpha,
                                          const std::optional<Euler>& euler) {
  const double decay = std::min(-kStableAbscissa, alpha / 2);
  const auto is_stable = [&](double factor) {
    return SpectralAbscissa(loop, alpha, factor) < -decay &&
           (!euler || EulerRadius(loop, alpha, factor, *euler) < 1 - euler->dt * decay / 2);
  };
  return LargestBelow(1, is_stable);
}

std::optional<double> LargestStableStep(const LoopSpectrum& loop, double alpha, double factor,
                                        const Euler& euler) {
  return LargestBelow(euler.dt, [&](double dt) {
    return EulerRadius(loop, alpha, factor, {dt, euler.order}) < 1;
  });
}

template LoopSpectrum SpectrumOf(absl::Span<const Matrix<float>* const>, const Matrix<float>&);
template LoopSpectrum SpectrumOf(absl::Span<const Matrix<double>* const>, const Matrix<double>&);

}  // namespace tpsweep::trainer
