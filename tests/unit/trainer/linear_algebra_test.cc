// Gemm, the affine maps on top of it, and the initial weights.
#include <gmock/gmock.h>

#include <limits>
#include <utility>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/affine.h"
#include "worker/trainer/gemm.h"
#include "worker/trainer/initialiser.h"
#include "worker/trainer/parallel.h"

namespace tpsweep::trainer {
namespace {

template <class S>
class GemmTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(GemmTest, Types);

template <class S>
Matrix<S> Naive(Transpose ta, const Matrix<S>& a, Transpose tb, const Matrix<S>& b, S alpha, S beta,
                const Matrix<S>& c) {
  const Matrix<double> left =
      (ta == Transpose::kYes ? Matrix<S>(a.transpose()) : a).template cast<double>();
  const Matrix<double> right =
      (tb == Transpose::kYes ? Matrix<S>(b.transpose()) : b).template cast<double>();
  Matrix<double> result(c.rows(), c.cols());
  for (Index i = 0; i < c.rows(); ++i) {
    for (Index j = 0; j < c.cols(); ++j) {
      double sum = 0;
      for (Index k = 0; k < left.cols(); ++k) sum += left(i, k) * right(k, j);
      result(i, j) = alpha * sum + (beta == 0 ? 0 : beta * c(i, j));
    }
  }
  return result.template cast<S>();
}

TYPED_TEST(GemmTest, AgreesWithThreeLoops) {
  using S = TypeParam;
  const struct {
    Index m, n, k;
  } kShapes[] = {{1, 1, 1},       {3, 5, 7},     {10, 128, 64}, {300, 17, 900},
                 {130, 400, 128}, {4, 4, 0},     {33, 11, 321}, {1100, 8, 2},
                 {2, 1100, 640},  {17, 9, 1281}, {1024, 12, 33}};
  uint64_t key = 0;
  for (const auto& shape : kShapes) {
    for (const Transpose ta : {Transpose::kNo, Transpose::kYes}) {
      for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
        const Matrix<S> a = ta == Transpose::kYes ? RandomMatrix<S>(shape.k, shape.m, ++key)
                                                  : RandomMatrix<S>(shape.m, shape.k, ++key);
        const Matrix<S> b = tb == Transpose::kYes ? RandomMatrix<S>(shape.n, shape.k, ++key)
                                                  : RandomMatrix<S>(shape.k, shape.n, ++key);
        Matrix<S> c = RandomMatrix<S>(shape.m, shape.n, ++key);
        const Matrix<S> expected = Naive<S>(ta, a, tb, b, S{1.5}, S{-0.5}, c);
        Gemm<S>(ta, a, tb, b, S{1.5}, S{-0.5}, c);
        const double tolerance = sizeof(S) == 4 ? 2e-4 : 1e-12;
        EXPECT_LT((c - expected).cwiseAbs().maxCoeff(), tolerance)
            << shape.m << " " << shape.n << " " << shape.k;
      }
    }
  }
}

TYPED_TEST(GemmTest, AColumnHasTheSameBitsInAProductOfAnyWidth) {
  using S = TypeParam;
  const Matrix<S> a = RandomMatrix<S>(300, 700, 1);
  const Matrix<S> b = RandomMatrix<S>(700, 400, 2);
  Matrix<S> whole(300, 400);
  Gemm<S>(Transpose::kNo, a, Transpose::kNo, b, 1, 0, whole);
  for (const Index width : {2, 5, 7, 64, 129}) {
    Matrix<S> part(300, width);
    Gemm<S>(Transpose::kNo, a, Transpose::kNo, b.middleCols(11, width), 1, 0, part);
    EXPECT_EQ(part, whole.middleCols(11, width)) << width;
  }
}

TYPED_TEST(GemmTest, PlusColumnAddsItToEveryColumn) {
  using S = TypeParam;
  const Matrix<S> a = RandomMatrix<S>(19, 400, 1);
  const Matrix<S> d = RandomMatrix<S>(19, 1, 2);
  for (const Index width : {0, 1, 2, 33}) {
    const Matrix<S> b = RandomMatrix<S>(400, width, 3);
    Matrix<S> c(19, width);
    GemmPlusColumn<S>(a, b, d, c);
    const Matrix<S> expected =
        Naive<S>(Transpose::kNo, a, Transpose::kNo, b, 1, 1, d.replicate(1, width));
    const double error = width == 0 ? 0 : static_cast<double>((c - expected).cwiseAbs().maxCoeff());
    EXPECT_LT(error, sizeof(S) == 4 ? 2e-4 : 1e-12) << width;
  }
}

TYPED_TEST(GemmTest, WorksOnBlocksOfColumnsAndLeavesTheOthers) {
  using S = TypeParam;
  const Matrix<S> a = RandomMatrix<S>(6, 4, 1);
  const Matrix<S> b = RandomMatrix<S>(4, 9, 2);
  Matrix<S> c = Matrix<S>::Constant(6, 9, 77);
  Gemm<S>(Transpose::kNo, a, Transpose::kNo, b.middleCols(3, 2), 1, 0, c.middleCols(5, 2));
  EXPECT_LT((c.middleCols(5, 2) - a * b.middleCols(3, 2)).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_EQ(c.leftCols(5), (Matrix<S>::Constant(6, 5, 77)));
  EXPECT_EQ(c.rightCols(2), (Matrix<S>::Constant(6, 2, 77)));
}

TYPED_TEST(GemmTest, BetaZeroForgetsNanAndNanInTheOperandsStays) {
  using S = TypeParam;
  Matrix<S> a = RandomMatrix<S>(5, 5, 1);
  Matrix<S> c = Matrix<S>::Constant(5, 5, std::numeric_limits<S>::quiet_NaN());
  Gemm<S>(Transpose::kNo, a, Transpose::kNo, a, 1, 0, c);
  EXPECT_TRUE(c.allFinite());
  a(2, 3) = std::numeric_limits<S>::quiet_NaN();
  Gemm<S>(Transpose::kNo, a, Transpose::kNo, a, 1, 0, c);
  EXPECT_TRUE(c.row(2).hasNaN());
}

// However the columns fall into groups, and the groups of a transposed operand into those that
// are packed together. Small integers: exact in any order.
TYPED_TEST(GemmTest, OfEveryWidth) {
  using S = TypeParam;
  const Matrix<S> a = (8 * Matrix<S>::Random(35, 9)).array().round();
  const Matrix<S> b = (8 * Matrix<S>::Random(9, 120)).array().round();
  const Matrix<S> expected = a * b;
  for (Index n = 2; n <= b.cols(); ++n) {
    const Matrix<S> transposed = b.leftCols(n).transpose();
    Matrix<S> c(a.rows(), n);
    Gemm<S>(Transpose::kNo, a, Transpose::kNo, b.leftCols(n), 1, 0, c);
    EXPECT_EQ(c, expected.leftCols(n)) << n;
    c.setZero();
    Gemm<S>(Transpose::kNo, a, Transpose::kYes, transposed, 1, 0, c);
    EXPECT_EQ(c, expected.leftCols(n)) << n;
  }
}

TYPED_TEST(GemmTest, SameBitsForAnyNumberOfThreads) {
  using S = TypeParam;
  for (const auto& [m, n] : {std::pair{530, 170}, std::pair{170, 530}}) {
    for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
      const Matrix<S> a = RandomMatrix<S>(m, 300, 1);
      const Matrix<S> b =
          tb == Transpose::kYes ? RandomMatrix<S>(n, 300, 2) : RandomMatrix<S>(300, n, 2);
      Matrix<S> reference(m, n);
      Gemm<S>(Transpose::kNo, a, tb, b, 1, 0, reference);
      for (const int num_threads : {2, 3, 4, 16}) {
        const ScopedThreads threads(num_threads);
        Matrix<S> c(m, n);
        Gemm<S>(Transpose::kNo, a, tb, b, 1, 0, c);
        EXPECT_EQ(c, reference) << m << " " << n << " " << num_threads;
      }
    }
  }
}

TYPED_TEST(GemmTest, AffineMapAndItsGradient) {
  using S = TypeParam;
  const Matrix<S> w = RandomMatrix<S>(4, 3, 1), b = RandomMatrix<S>(4, 1, 2);
  const Matrix<S> h = RandomMatrix<S>(3, 5, 3), delta = RandomMatrix<S>(4, 5, 4);
  Matrix<S> a(4, 5);
  AffineMap<S>(w, &b, h, a);
  EXPECT_LT((a - ((w * h).colwise() + b.col(0))).cwiseAbs().maxCoeff(), 1e-5);
  AffineMap<S>(w, nullptr, h, a);
  EXPECT_LT((a - w * h).cwiseAbs().maxCoeff(), 1e-5);
  Matrix<S> grad_w(4, 3), grad_b(4, 1);
  AffineGradient<S>(delta, h, grad_w, &grad_b);
  EXPECT_LT((grad_w - delta * h.transpose()).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LT((grad_b - delta.rowwise().sum()).cwiseAbs().maxCoeff(), 1e-5);
}

v1::Network With(v1::Initialiser kind) {
  v1::Network spec;
  spec.set_initialiser(kind);
  spec.set_uniform_bound(0.25);
  return spec;
}

TEST(InitialiserTest, XavierNormalHasItsVariance) {
  Matrix<double> w(300, 200);
  Initialise(With(v1::INITIALISER_XAVIER_NORMAL), 5, w, w.rows());
  const double variance = 2.0 / 500;
  EXPECT_NEAR(w.mean(), 0, 5 * std::sqrt(variance / 60000));
  EXPECT_NEAR(w.squaredNorm() / 60000, variance, 5 * variance * std::sqrt(2.0 / 60000));
}

TEST(InitialiserTest, XavierUniformFillsItsRange) {
  Matrix<double> w(300, 200);
  Initialise(With(v1::INITIALISER_XAVIER_UNIFORM), 5, w, w.rows());
  const double bound = std::sqrt(6.0 / 500);
  EXPECT_LT(w.maxCoeff(), bound);
  EXPECT_GE(w.minCoeff(), -bound);
  EXPECT_GT(w.maxCoeff(), 0.999 * bound);
  EXPECT_LT(w.minCoeff(), -0.999 * bound);
  EXPECT_NEAR(w.mean(), 0, 5 * bound / std::sqrt(3.0 * 60000));
}

TEST(InitialiserTest, UniformFillsTheBoundOfTheSpec) {
  Matrix<double> w(300, 200);
  Initialise(With(v1::INITIALISER_UNIFORM), 5, w, w.rows());
  EXPECT_LT(w.maxCoeff(), 0.25);
  EXPECT_GE(w.minCoeff(), -0.25);
  EXPECT_GT(w.maxCoeff(), 0.249);
  EXPECT_LT(w.minCoeff(), -0.249);
}

TEST(InitialiserTest, OrthonormalRowsOrColumns) {
  for (const auto kind : {v1::INITIALISER_ORTHOGONAL, v1::INITIALISER_HAAR})
    for (const auto& [rows, cols] : {std::pair<Index, Index>{7, 4}, {4, 7}, {5, 5}}) {
      Matrix<double> w(rows, cols);
      Initialise(With(kind), 5, w, w.rows());
      const Matrix<double> gram =
          rows >= cols ? Matrix<double>(w.transpose() * w) : Matrix<double>(w * w.transpose());
      const double square =
          kind == v1::INITIALISER_HAAR ? 1 : 6.0 / static_cast<double>(rows + cols);
      EXPECT_LT((gram - square * Matrix<double>::Identity(gram.rows(), gram.cols()))
                    .cwiseAbs()
                    .maxCoeff(),
                1e-14);
    }
}

TEST(InitialiserTest, FloatStartsFromTheNumbersOfDoubleAndKeysDiffer) {
  for (const auto kind :
       {v1::INITIALISER_XAVIER_NORMAL, v1::INITIALISER_XAVIER_UNIFORM, v1::INITIALISER_ORTHOGONAL,
        v1::INITIALISER_HAAR, v1::INITIALISER_UNIFORM}) {
    Matrix<double> in_double(6, 5), other(6, 5);
    Matrix<float> in_float(6, 5);
    Initialise(With(kind), 5, in_double, in_double.rows());
    Initialise(With(kind), 5, in_float, in_float.rows());
    Initialise(With(kind), 6, other, other.rows());
    EXPECT_EQ(in_float, in_double.cast<float>());
    EXPECT_NE(in_double, other);
  }
}

}  // namespace
}  // namespace tpsweep::trainer
