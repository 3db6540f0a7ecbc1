// LU solves and singular values against plain twins.
#include "worker/trainer/square_inverse.h"

#include <gmock/gmock.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>
#include <limits>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/parallel.h"
#include "worker/trainer/singular_values.h"

namespace tpsweep::trainer {
namespace {

// Gaussian elimination with row exchanges, entry by entry.
Matrix<double> NaiveSolve(Matrix<double> w, Matrix<double> x) {
  const Index n = w.rows();
  for (Index k = 0; k < n; ++k) {
    Index pivot = k;
    for (Index i = k + 1; i < n; ++i) {
      if (std::abs(w(i, k)) > std::abs(w(pivot, k))) pivot = i;
    }
    w.row(k).swap(w.row(pivot));
    x.row(k).swap(x.row(pivot));
    for (Index i = k + 1; i < n; ++i) {
      const double factor = w(i, k) / w(k, k);
      for (Index j = k; j < n; ++j) w(i, j) -= factor * w(k, j);
      for (Index j = 0; j < x.cols(); ++j) x(i, j) -= factor * x(k, j);
    }
  }
  for (Index k = n - 1; k >= 0; --k) {
    for (Index j = 0; j < x.cols(); ++j) {
      for (Index i = k + 1; i < n; ++i) x(k, j) -= w(k, i) * x(i, j);
      x(k, j) /= w(k, k);
    }
  }
  return x;
}

template <class S>
class SquareInverseTest : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(SquareInverseTest, Scalars);

TYPED_TEST(SquareInverseTest, SolvesAsGaussianEliminationDoes) {
  using S = TypeParam;
  SquareInverse<S> inverse;  // one for all sizes
  for (const Index n : {1, 2, 3, 7, 16, 33, 100, 150, 5}) {
    for (const Index batch : {1, 3, 64, 130}) {
      const auto key = static_cast<uint64_t>(1000 * n + batch);
      const Matrix<S> w = RandomMatrix<S>(n, n, key);
      const Matrix<S> x = RandomMatrix<S>(n, batch, key + 1);
      inverse.Factorise(w);
      ASSERT_FALSE(inverse.is_singular());
      Matrix<S> solved = x;
      inverse.Solve(solved);
      const Matrix<double> expected =
          NaiveSolve(w.template cast<double>(), x.template cast<double>());
      const double error = (solved.template cast<double>() - expected).norm() / expected.norm();
      EXPECT_LT(error, 10 * static_cast<double>(std::numeric_limits<S>::epsilon()) /
                           inverse.reciprocal_condition())
          << n << " " << batch;
    }
  }
}

// Solutions are exact ones of a matrix next to W, however badly W is conditioned: the blocks that
// are inverted do not spoil that.
TYPED_TEST(SquareInverseTest, ResidualsAreSmallWhateverTheCondition) {
  using S = TypeParam;
  constexpr auto kEpsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
  SquareInverse<S> inverse;
  for (const Index n : {40, 64, 200}) {
    for (const double condition : {1.0, 1e-2 / std::sqrt(kEpsilon), 1e-2 / kEpsilon}) {
      const Matrix<double> left = RandomMatrix<double>(n, n, 1).householderQr().householderQ();
      const Matrix<double> right = RandomMatrix<double>(n, n, 2).householderQr().householderQ();
      Matrix<double> scales = Matrix<double>::Identity(n, n);
      for (Index i = 0; i < n; ++i) {
        scales(i, i) = std::pow(condition, -static_cast<double>(i) / static_cast<double>(n - 1));
      }
      const Matrix<double> b = RandomMatrix<double>(n, 60, 3);
      for (const Matrix<double>& exact :
           {Matrix<double>(left * scales * right), Matrix<double>(scales * left)}) {
        const Matrix<S> w = exact.template cast<S>();
        Matrix<S> x = b.template cast<S>();
        inverse.Factorise(w);
        ASSERT_FALSE(inverse.is_singular());
        inverse.Solve(x);
        const Matrix<double> solved = x.template cast<double>();
        const Matrix<double> residual =
            w.template cast<double>() * solved - b.template cast<S>().template cast<double>();
        EXPECT_LT(residual.norm(), 10 * kEpsilon * exact.norm() * solved.norm())
            << n << " " << condition;
      }
    }
  }
}

TYPED_TEST(SquareInverseTest, EstimatesTheConditionOfTheOneNorm) {
  using S = TypeParam;
  const auto norm = [](const Matrix<double>& m) { return m.cwiseAbs().colwise().sum().maxCoeff(); };
  int num_close = 0;
  for (uint64_t key = 0; key < 30; ++key) {
    const Index n = 2 + static_cast<Index>(key);
    const Matrix<S> w = RandomMatrix<S>(n, n, key);
    SquareInverse<S> inverse;
    inverse.Factorise(w);
    const Matrix<double> exact = w.template cast<double>();
    const double reciprocal = 1 / (norm(exact) * norm(exact.inverse()));
    EXPECT_GT(inverse.reciprocal_condition(), 0.99 * reciprocal);
    EXPECT_LT(inverse.reciprocal_condition(), 10 * reciprocal);
    num_close += inverse.reciprocal_condition() < 3 * reciprocal ? 1 : 0;
  }
  EXPECT_GE(num_close, 27);
}

TYPED_TEST(SquareInverseTest, ScaleIsNotSingularity) {
  using S = TypeParam;
  SquareInverse<S> inverse;
  for (const double scale : {1e-30, 1e30}) {
    inverse.Factorise(static_cast<S>(scale) * Matrix<S>::Identity(4, 4));
    EXPECT_FALSE(inverse.is_singular()) << scale;
    EXPECT_NEAR(inverse.reciprocal_condition(), 1, 1e-6);
  }
}

TYPED_TEST(SquareInverseTest, KnowsWhatHasNoInverse) {
  using S = TypeParam;
  const auto is_singular = [](const Matrix<S>& w) {
    SquareInverse<S> inverse;
    inverse.Factorise(w);
    return inverse.is_singular();
  };
  EXPECT_TRUE(is_singular(Matrix<S>::Zero(3, 3)));
  EXPECT_TRUE(is_singular(Matrix<S>::Ones(3, 3)));
  Matrix<S> w = RandomMatrix<S>(6, 6, 1);
  EXPECT_FALSE(is_singular(w));
  w.col(4) = 2 * w.col(1) - w.col(3);  // rounding hides that it is exactly singular
  EXPECT_TRUE(is_singular(w));
  Matrix<S> hilbert(14, 14);
  for (Index i = 0; i < 14; ++i) {
    for (Index j = 0; j < 14; ++j) hilbert(i, j) = S{1} / static_cast<S>(i + j + 1);
  }
  EXPECT_TRUE(is_singular(hilbert));
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Matrix<S> broken = RandomMatrix<S>(5, 5, 2);
    broken(3, 2) = static_cast<S>(bad);
    EXPECT_TRUE(is_singular(broken));
  }
}

TYPED_TEST(SquareInverseTest, SolvesZeroExactlyAndABlockInPlace) {
  using S = TypeParam;
  SquareInverse<S> inverse;
  const Matrix<S> w = RandomMatrix<S>(40, 40, 1);
  inverse.Factorise(w);
  Matrix<S> zero = Matrix<S>::Zero(40, 7);
  inverse.Solve(zero);
  EXPECT_TRUE((zero.array() == 0).all());

  Matrix<S> whole = RandomMatrix<S>(45, 9, 2);
  const Matrix<S> before = whole;
  Matrix<S> alone = before.topRows(40);
  inverse.Solve(alone);
  inverse.Solve(whole.topRows(40));
  EXPECT_EQ(whole.topRows(40), alone);
  EXPECT_EQ(whole.bottomRows(5), before.bottomRows(5));
}

TYPED_TEST(SquareInverseTest, SameBitsForAnyNumberOfThreads) {
  using S = TypeParam;
  SquareInverse<S> inverse;
  inverse.Factorise(RandomMatrix<S>(70, 70, 1));
  const auto solve = [&](int num_threads) {
    const ScopedThreads threads(num_threads);
    Matrix<S> x = RandomMatrix<S>(70, 300, 2);
    inverse.Solve(x);
    return x;
  };
  EXPECT_EQ(solve(3), solve(1));
}

TEST(SingularValuesTest, AreThoseOfAnotherDecomposition) {
  for (const auto& [m, n] : {std::pair<Index, Index>{1, 1}, {5, 5}, {9, 4}, {4, 9}, {60, 60}}) {
    const Matrix<double> matrix = RandomMatrix<double>(m, n, 3);
    const auto expected = Eigen::JacobiSVD<Matrix<double>>(matrix).singularValues();
    const std::vector<double> values = SingularValues(matrix);
    ASSERT_EQ(static_cast<Index>(values.size()), expected.size());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(values[i], expected(static_cast<Index>(i)), 1e-12 * expected(0));
    }
  }
  Matrix<double> broken = Matrix<double>::Zero(3, 2);
  EXPECT_EQ(SingularValues(broken), (std::vector<double>{0, 0}));
  broken(1, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(SingularValues(broken)[0]));
}

}  // namespace
}  // namespace tpsweep::trainer
