// When the dynamics of inversion are stable: against the eigenvalues of the full matrices, and
// against what the dynamics do.
#include "worker/trainer/rules/inversion_stability.h"

#include <gmock/gmock.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "tests/unit/trainer/trainee.h"
#include "worker/trainer/dense_solve.h"
#include "worker/trainer/rules/inversion_dynamics.h"
#include "worker/trainer/rules/smoothed_abscissa.h"

namespace tpsweep::trainer {
namespace {

using testing::HasSubstr;
using Complex = std::complex<double>;
using Matrices = std::vector<Matrix<double>>;

std::vector<const Matrix<double>*> Pointers(const Matrices& chain) {
  std::vector<const Matrix<double>*> pointers;
  for (const Matrix<double>& w : chain) pointers.push_back(&w);
  return pointers;
}

// A chain of random matrices of the widths n_0..n_K+1 and a feedback from its top to its bottom.
struct RandomLoop {
  Matrices chain;
  Matrix<double> feedback;
  double alpha;

  RandomLoop(const std::vector<Index>& widths, uint64_t key) {
    for (size_t k = 1; k < widths.size(); ++k) {
      chain.push_back(RandomMatrix<double>(widths[k], widths[k - 1], DeriveSeed(key, k)) * 0.5);
    }
    feedback = RandomMatrix<double>(widths.front(), widths.back(), DeriveSeed(key, "b")) * 0.4;
    // Half of the loops would hardly ever be stable.
    if (key % 2 == 0) {
      feedback = 0.1 * feedback;
      Matrix<double> product = chain[0];
      for (size_t k = 1; k < chain.size(); ++k) product = chain[k] * product;
      feedback -= 0.5 * product.transpose();
    }
    RandomStream random(DeriveSeed(key, "alpha"));
    alpha = 2 * random.NextUniform();
  }
};

double FullAbscissa(const RandomLoop& loop) {
  return LoopMatrix(Pointers(loop.chain), loop.feedback, loop.alpha)
      .eigenvalues()
      .real()
      .maxCoeff();
}

std::vector<Index> RandomWidths(int count, RandomStream& random) {
  std::vector<Index> widths;
  for (int i = 0; i < count; ++i) widths.push_back(1 + static_cast<Index>(random.NextBelow(6)));
  return widths;
}

// B-5, B-6, and B-8 for longer chains.
TEST(InversionStability, AgreesWithTheEigenvaluesOfTheFullMatrix) {
  RandomStream random(1);
  int num_stable = 0;
  for (uint64_t key = 0; key < 1000; ++key) {
    const RandomLoop loop(RandomWidths(2, random), key);
    const LoopSpectrum spectrum = SpectrumOf<double>(Pointers(loop.chain), loop.feedback);
    const double full = FullAbscissa(loop);
    EXPECT_NEAR(SpectralAbscissa(spectrum, loop.alpha), full, 1e-6) << key;
    if (std::abs(full) < 1e-9) continue;
    const bool is_stable = std::all_of(spectrum.mu.begin(), spectrum.mu.end(),
                                       [&](Complex mu) { return IsStable(mu, loop.alpha); });
    EXPECT_EQ(is_stable, full < 0) << key;
    num_stable += is_stable;
  }
  EXPECT_GT(num_stable, 300);
  EXPECT_LT(num_stable, 950);
  for (uint64_t key = 0; key < 300; ++key) {
    const RandomLoop loop(RandomWidths(3 + static_cast<int>(key % 2), random), key);
    const LoopSpectrum spectrum = SpectrumOf<double>(Pointers(loop.chain), loop.feedback);
    // Eigenvalues that coincide are only known to a root of the rounding.
    EXPECT_NEAR(SpectralAbscissa(spectrum, loop.alpha), FullAbscissa(loop), 2e-4) << key;
  }
}

TEST(InversionStability, CountsTheEigenvaluesThatDecayByThemselves) {
  const RandomLoop wide({7, 3}, 5);
  const Eigen::VectorXcd values =
      LoopMatrix(Pointers(wide.chain), wide.feedback, wide.alpha).eigenvalues();
  int num_free = 0;
  for (const Complex value : values) num_free += std::abs(value + 1.0) < 1e-9;
  EXPECT_EQ(num_free, 4);
  // An expanding layer without leak: the controller has eigenvalues of zero.
  const RandomLoop tall({3, 7}, 6);
  EXPECT_NEAR(
      SpectralAbscissa(SpectrumOf<double>(Pointers(tall.chain), -tall.chain[0].transpose()), 0), 0,
      1e-9);
  EXPECT_LT(
      SpectralAbscissa(SpectrumOf<double>(Pointers(tall.chain), -tall.chain[0].transpose()), 0.01),
      0);
}

// The matrix of one Euler step, by running it from every unit vector.
Matrix<double> FullStep(const RandomLoop& loop, const Euler& euler) {
  const Matrix<double> m = LoopMatrix(Pointers(loop.chain), loop.feedback, loop.alpha);
  Matrix<double> step = Matrix<double>::Identity(m.rows(), m.cols());
  if (euler.order != v1::EULER_ORDER_IN_TURN) return step + euler.dt * m;
  for (Index i = 0; i < m.rows();) {
    Index block = i == 0 ? loop.chain[0].cols() : 0;
    for (size_t k = 1, at = static_cast<size_t>(loop.chain[0].cols()); block == 0; ++k) {
      const Index width = k < loop.chain.size() ? loop.chain[k].cols() : loop.feedback.cols();
      if (static_cast<Index>(at) == i) block = width;
      at += static_cast<size_t>(width);
    }
    const Matrix<double> change = m.middleRows(i, block) * step;
    step.middleRows(i, block) += euler.dt * change;
    i += block;
  }
  return step;
}

TEST(InversionStability, EulerRadiusIsThatOfTheFullStep) {
  RandomStream random(2);
  for (uint64_t key = 0; key < 300; ++key) {
    const RandomLoop loop(RandomWidths(2 + static_cast<int>(key % 3), random), key);
    const LoopSpectrum spectrum = SpectrumOf<double>(Pointers(loop.chain), loop.feedback);
    for (const auto order : {v1::EULER_ORDER_IN_TURN, v1::EULER_ORDER_AT_ONCE}) {
      const Euler euler = {0.1 + random.NextUniform(), order};
      EXPECT_NEAR(EulerRadius(spectrum, loop.alpha, 1, euler),
                  FullStep(loop, euler).eigenvalues().cwiseAbs().maxCoeff(), 2e-4)
          << key;
    }
  }
}

// Runs the loop of scalars W = sqrt(s), B = -W.
bool Converges(double s, double alpha, double dt, v1::EulerOrder order) {
  v1::Dynamics spec;
  spec.set_dt(dt);
  spec.set_order(order);
  spec.set_steps(20000);
  const Matrix<double> w = Matrix<double>::Constant(1, 1, std::sqrt(s));
  const Matrix<double> b = -w;
  const Matrix<double> y = Matrix<double>::Constant(1, 1, 1);
  InversionDynamics<double> dynamics(spec, v1::NONLINEARITY_TIMES_DERIVATIVE, true);
  if (!dynamics.Run({{&w, {v1::ACTIVATION_LINEAR, 1}, nullptr, nullptr}}, b, alpha, 1, y)) {
    return false;
  }
  return std::abs(dynamics.estimate(1)(0, 0) - std::sqrt(s) / (s + alpha)) < 1e-6;
}

// B-7.
TEST(InversionStability, EulerStepsConvergeJustInsideTheirBoundsAndDivergeJustOutside) {
  const auto at_once = [](double alpha, double dt) { return (1 + alpha) / dt - alpha; };
  const auto in_turn = [](double alpha, double dt) {
    return (2 - alpha * dt) * (2 - dt) / (dt * dt);
  };
  EXPECT_NEAR(at_once(0.01, 0.5), 2.01, 1e-9);
  EXPECT_NEAR(in_turn(0.01, 0.5), 11.97, 1e-9);
  EXPECT_NEAR(in_turn(0.01, 0.1), 379.81, 1e-9);
  for (const double alpha : {0.01, 0.3}) {
    for (const double dt : {0.5, 0.1}) {
      for (const auto order : {v1::EULER_ORDER_AT_ONCE, v1::EULER_ORDER_IN_TURN}) {
        const double bound =
            order == v1::EULER_ORDER_IN_TURN ? in_turn(alpha, dt) : at_once(alpha, dt);
        EXPECT_TRUE(Converges(0.98 * bound, alpha, dt, order)) << alpha << " " << dt;
        EXPECT_FALSE(Converges(1.02 * bound, alpha, dt, order)) << alpha << " " << dt;
        LoopSpectrum spectrum;
        spectrum.mu = {-0.98 * bound};
        EXPECT_LT(EulerRadius(spectrum, alpha, 1, {dt, order}), 1);
        spectrum.mu = {-1.02 * bound};
        EXPECT_GT(EulerRadius(spectrum, alpha, 1, {dt, order}), 1);
        // Half the bound of s is not half the step: but what is found does converge.
        const auto largest = LargestStableStep(spectrum, alpha, 1, {dt, order});
        ASSERT_TRUE(largest);
        EXPECT_LT(*largest, dt);
        EXPECT_TRUE(Converges(1.02 * bound, alpha, 0.95 * *largest, order));
        EXPECT_FALSE(Converges(1.02 * bound, alpha, 1.05 * *largest, order));
      }
    }
  }
}

// B-8: 2 (1 + alpha)^2 for the loop through two layers.
TEST(InversionStability, ALoopThroughTwoLayersBearsLess) {
  for (const double alpha : {0.01, 0.5}) {
    const double bound = 2 * (1 + alpha) * (1 + alpha);
    LoopSpectrum spectrum;
    spectrum.num_estimates = 2;
    spectrum.mu = {-0.999 * bound};
    EXPECT_LT(SpectralAbscissa(spectrum, alpha), 0);
    spectrum.mu = {-1.001 * bound};
    EXPECT_GT(SpectralAbscissa(spectrum, alpha), 0);
  }
}

TEST(InversionStability, LeakIsRaisedAsFarAsItTakes) {
  RandomStream random(3);
  for (uint64_t key = 1; key < 200; key += 2) {
    const RandomLoop loop(RandomWidths(2 + static_cast<int>(key % 3 == 0), random), key);
    const LoopSpectrum spectrum = SpectrumOf<double>(Pointers(loop.chain), loop.feedback);
    const double alpha = SmallestStableLeak(spectrum, 0.02);
    EXPECT_GE(alpha, 0.02);
    EXPECT_LE(SpectralAbscissa(spectrum, alpha), kStableAbscissa);
    if (alpha > 0.02) {
      EXPECT_GT(SpectralAbscissa(spectrum, alpha - 1e-6), kStableAbscissa);
    }
  }
}

TEST(InversionStability, FeedbackIsScaledAsLittleAsItTakes) {
  RandomStream random(4);
  const Euler euler = {0.5, v1::EULER_ORDER_IN_TURN};
  int num_scaled = 0;
  for (uint64_t key = 0; key < 200; ++key) {
    RandomLoop loop(RandomWidths(2, random), key);
    loop.feedback *= 20;
    const LoopSpectrum spectrum = SpectrumOf<double>(Pointers(loop.chain), loop.feedback);
    const auto factor = LargestStableFactor(spectrum, 0.1, euler);
    ASSERT_TRUE(factor);
    const auto is_stable = [&](double g) {
      return SpectralAbscissa(spectrum, 0.1, g) < 0 && EulerRadius(spectrum, 0.1, g, euler) < 1;
    };
    EXPECT_TRUE(is_stable(*factor));
    num_scaled += *factor < 1;
  }
  EXPECT_GT(num_scaled, 100);
  // Without leak nothing helps against an eigenvalue that points outwards.
  LoopSpectrum outwards;
  outwards.mu = {0.5};
  EXPECT_FALSE(LargestStableFactor(outwards, 0, euler));
  outwards.mu = {-50};
  EXPECT_NEAR(*LargestStableFactor(outwards, 0, euler), 2 * 1.5 / 0.25 / 50, 1e-6);
}

TEST(SmoothedAbscissa, GradientIsThatOfTheLargestRealPartWhereSmoothingIsSmall) {
  for (uint64_t key = 1; key < 20; key += 2) {
    const RandomLoop loop({5, 4, 3}, key);
    const SsaStep step =
        SmoothedAbscissaStep(Pointers(loop.chain), loop.feedback, loop.alpha, 1e-7);
    EXPECT_NEAR(step.abscissa, FullAbscissa(loop), 1e-9);
    RandomLoop moved = loop;
    for (Index i = 0; i < loop.feedback.size(); ++i) {
      constexpr double kStep = 1e-6;
      moved.feedback.data()[i] = loop.feedback.data()[i] + kStep;
      const double up = FullAbscissa(moved);
      moved.feedback.data()[i] = loop.feedback.data()[i] - kStep;
      const double down = FullAbscissa(moved);
      moved.feedback.data()[i] = loop.feedback.data()[i];
      EXPECT_NEAR(step.gradient.data()[i], (up - down) / (2 * kStep), 1e-4) << key;
    }
  }
}

v1::Ssa SsaSpec() {
  v1::Ssa spec;
  spec.set_lr(0.05);
  spec.set_max_steps(200);
  spec.set_max_attempts(5);
  spec.set_smoothing(0.001);
  return spec;
}

// B-11.
TEST(SmoothedAbscissa, StepsMakeRandomLoopsStable) {
  for (uint64_t key = 1; key < 20; key += 2) {
    RandomLoop loop({6, 4}, key);
    loop.alpha = 0;
    const double before = FullAbscissa(loop);
    const SsaStep step = SmoothedAbscissaStep(Pointers(loop.chain), loop.feedback, 0, 0.001);
    RandomLoop stepped = loop;
    stepped.feedback -= 1e-3 * step.gradient;
    EXPECT_LT(FullAbscissa(stepped), before);
    EXPECT_EQ(Stabilise(SsaSpec(), Pointers(loop.chain), 0, loop.feedback), "");
    EXPECT_LT(FullAbscissa(loop), 0);
  }
}

TEST(SmoothedAbscissa, SaysWhenItCannotSucceed) {
  // A layer that expands has eigenvalues of zero without leak, whatever B is.
  RandomLoop loop({2, 5}, 1);
  v1::Ssa spec = SsaSpec();
  spec.set_max_steps(10);
  spec.set_max_attempts(3);
  EXPECT_THAT(Stabilise(spec, Pointers(loop.chain), 0, loop.feedback),
              HasSubstr("3 attempts of 10 steps of ssa left the largest real part"));
  RandomLoop large({200, 100}, 1);
  EXPECT_THAT(Stabilise(spec, Pointers(large.chain), 0, large.feedback),
              HasSubstr("at most 256 units, and these have 300"));
}

}  // namespace
}  // namespace tpsweep::trainer
